# SPDX-License-Identifier: Apache-2.0
"""The server that drivers are tested on: pawld, or with PAWL_DRIVERS_SERVER=postgres a real
PostgreSQL, which says whether a test asks for the right thing. Both have

  env(**more)   what a client's environment says: libpq's variables
  sql(text)     asks it by psql, as its administrator; rows as text
  end()

and two ports: on `port` whoever comes is let in, on `password_port` USER needs PASSWORD.
"""
import os
import pathlib
import shutil
import subprocess
import tempfile

import live
import servers

WHICH = os.environ.get("PAWL_DRIVERS_SERVER", "pawld")
ADMIN, USER, PASSWORD = "postgres", "carol", "open sesame"


def answers(port):
    """Whether a client would be let in."""
    done = subprocess.run([servers.POSTGRES_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                           str(port)], check=False, timeout=10)
    return done.returncode == 0


class Backend:
    port = password_port = None

    def env(self, port=None, user=ADMIN, password=None):
        found = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        found.update(PGHOST="127.0.0.1", PGPORT=str(port or self.port), PGUSER=user,
                     PGDATABASE="postgres")
        if password is not None:
            found["PGPASSWORD"] = password
        return found

    def password_env(self):
        return self.env(self.password_port, USER, PASSWORD)

    def sql(self, *texts, env=None):
        words = [word for text in texts for word in ("-c", text)]
        done = subprocess.run(
            [servers.POSTGRES_BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *words],
            text=True, env=env or self.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


class Judge(Backend):
    """PostgreSQL."""

    def __init__(self):
        self.server = servers.Postgres(settings=["fsync=off"])
        access = self.server.data / "pg_hba.conf"
        text = access.read_text(encoding="ascii")
        access.write_text(f"host all {USER} 127.0.0.1/32 scram-sha-256\n{text}", encoding="ascii")
        self.port = self.password_port = self.server.ports[0]

    def start(self):
        self.server.start()
        self.sql(f"CREATE ROLE {USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        return self

    def end(self):
        self.server.end()


class Pawl(Backend):
    """Two pawlds on a store of their own each: one open, one with a users file."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pawl-drivers-"))
        self.fleet = live.Fleet(self.folder)
        self.port, self.password_port = live.free_port(), live.free_port()

    def start(self):
        self.listen(self.port)
        users = self.folder / "users"
        subprocess.run([live.program("pawl"), "passwd", users, USER, "--role", "admin"],
                       input=f"{PASSWORD}\n", text=True, check=True, timeout=30,
                       stdout=subprocess.DEVNULL)
        self.listen(self.password_port, "--users", users)
        return self

    def listen(self, port, *options):
        server = self.fleet.start(options=["--listen", f"postgres://127.0.0.1:{port}", *options],
                                  ready=False)
        live.wait_until(lambda: answers(port) or server.process.poll() is not None,
                        "pawld answers")
        assert server.process.poll() is None, server.log()

    def end(self):
        """pawld must have lived through everything, and stop cleanly."""
        self.fleet.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def begin():
    """The one that is tested, running."""
    made = {"pawld": Pawl, "postgres": Judge}[WHICH]()
    try:
        return made.start()
    except BaseException:
        made.end()
        raise
