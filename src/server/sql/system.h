/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that tell of the session and the server. */
#ifndef PAWLD_SQL_SYSTEM_H
#define PAWLD_SQL_SYSTEM_H

#include "server/sql/program.h"

bool sql_version(struct sql_call *call);
bool sql_current_schema(struct sql_call *call);
bool sql_current_schemas(struct sql_call *call);
bool sql_current_database(struct sql_call *call);
bool sql_current_user(struct sql_call *call);
bool sql_backend_pid(struct sql_call *call);
bool sql_in_recovery(struct sql_call *call);
bool sql_encoding(struct sql_call *call);
bool sql_now(struct sql_call *call);
bool sql_server_start(struct sql_call *call);
bool sql_current_setting(struct sql_call *call);
bool sql_may_sequence(struct sql_call *call);
bool sql_user_may_sequence(struct sql_call *call);
bool sql_serial_sequence(struct sql_call *call);
bool sql_quote_ident(struct sql_call *call);

#endif
