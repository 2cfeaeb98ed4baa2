# SPDX-License-Identifier: Apache-2.0
"""What test_django.py asks of Django: a program, since settings are made once in a process."""
import io
import json
import sys

from django.core.management import call_command
from django.db import DatabaseError, connection, migrations

import django_client  # makes the settings


def migrate(name):
    """As a migration does it, in the transaction that Django puts around one."""
    operation = migrations.RunSQL(f"CREATE SEQUENCE {name} START 100",
                                  f"DROP SEQUENCE {name}")
    with connection.schema_editor() as editor:
        operation.database_forwards("app", editor, None, None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [name])
        found = cursor.fetchone()[0]
        names = [one.name for one in connection.introspection.get_table_list(cursor)]
    with connection.schema_editor() as editor:
        operation.database_backwards("app", editor, None, None)
    return {"id": found, "tables": names}


def fail_to_migrate(name):
    """The statements before the failure: a real PostgreSQL takes them back."""
    try:
        with connection.schema_editor() as editor:
            editor.execute(f"SELECT nextval('{name}')")
            editor.execute("SELECT nextval('no_such_sequence')")
    except DatabaseError as error:
        return {"code": error.__cause__.sqlstate,
                "then": django_client.Django().one(connection, f"SELECT nextval('{name}')")}
    return {}


def introspect(_):
    connection.ensure_connection()
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    inspected = io.StringIO()
    call_command("inspectdb", stdout=inspected)
    checked = io.StringIO()
    call_command("check", "--database", "default", stdout=checked)
    return {"tables": tables, "version": connection.pg_version,
            "usable": connection.is_usable(), "models": inspected.getvalue().count("class "),
            "checked": checked.getvalue().strip(),
            "zone": django_client.Django().one(connection, "SHOW TimeZone")}


def keep(name):
    """A connection that is kept from one request to the next, and looked after."""
    connection.settings_dict.update(CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=True)
    found = []
    for _ in range(3):
        found.append(django_client.Django().one(connection, f"SELECT nextval('{name}')"))
        connection.close_if_unusable_or_obsolete()
    return {"ids": found}


if __name__ == "__main__":
    work = {"migrate": migrate, "fail": fail_to_migrate, "introspect": introspect, "keep": keep}
    print(json.dumps(work[sys.argv[1]](sys.argv[2])))
