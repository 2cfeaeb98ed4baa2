# SPDX-License-Identifier: Apache-2.0
"""PgBouncer in front of the server under test, with its defaults but where a line says why."""
import os
import pwd

import backend as backends
import live
import servers


class PgBouncer(servers.Server):
    """pool_mode is session, transaction or statement. Three of its connections go to the server.
    With a password it logs in itself, and asks its clients for the same one."""

    def __init__(self, backend, pool_mode, size=3, password=False):
        super().__init__()
        self.ports = [live.free_port()]
        self.backend = backend
        self.user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
        if self.user is not None:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        target = backend.password_port if password else backend.port
        access = "trust"
        names = f'"{backends.ADMIN}" ""\n'
        if password:
            access = "scram-sha-256"
            names = f'"{backends.USER}" "{backends.PASSWORD}"\n'
        (self.folder / "users.txt").write_text(names, encoding="ascii")
        (self.folder / "pgbouncer.ini").write_text(f"""
[databases]
* = host=127.0.0.1 port={target}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.ports[0]}
unix_socket_dir =
auth_type = {access}
auth_file = {self.folder}/users.txt
pool_mode = {pool_mode}
default_pool_size = {size}
; so that its own query, which sees whether a connection still works, is asked each time
server_check_delay = 0
; JDBC says it when it connects
ignore_startup_parameters = extra_float_digits
""", encoding="ascii")

    def launch(self):
        return servers.Process(["pgbouncer", self.folder / "pgbouncer.ini"], self.folder / "log",
                               self.user, "/")

    def env(self, password=False):
        if password:
            return self.backend.env(self.ports[0], backends.USER, backends.PASSWORD)
        return self.backend.env(self.ports[0])

    def answers(self):
        return backends.answers(self.ports[0])
