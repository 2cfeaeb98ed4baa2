/* SPDX-License-Identifier: Apache-2.0 */
/* Operators, by PostgreSQL's pg_operator, and what only the grammar names. */
#include <math.h>
#include <string.h>

#include "server/sql/cast.h"
#include "server/sql/decimal.h"
#include "server/sql/expr.h"

static bool no_memory(struct sql_call *call)
{
    return sql_fail(call->error, "53200", 0, "out of memory");
}

static bool set_text(struct sql_call *call, struct pawl_bytes text)
{
    call->result->text = text;
    return text.at == NULL ? no_memory(call) : true;
}

static bool set_integer(struct sql_call *call, bool overflows, int64_t number)
{
    call->result->number = number;
    if (!overflows) return sql_number_fits(call->result->type, number, call->error);
    return sql_fail(call->error, "22003", 0, "%s out of range", sql_type_shown(call->result->type));
}

static bool add_integers(struct sql_call *call)
{
    int64_t sum = 0;
    bool over = __builtin_add_overflow(call->args[0].number, call->args[1].number, &sum);

    return set_integer(call, over, sum);
}

static bool subtract_integers(struct sql_call *call)
{
    int64_t difference = 0;
    bool over = __builtin_sub_overflow(call->args[0].number, call->args[1].number, &difference);

    return set_integer(call, over, difference);
}

static bool multiply_integers(struct sql_call *call)
{
    int64_t product = 0;
    bool over = __builtin_mul_overflow(call->args[0].number, call->args[1].number, &product);

    return set_integer(call, over, product);
}

static bool divide_integers(struct sql_call *call)
{
    int64_t divisor = call->args[1].number;

    if (divisor == 0) return sql_fail(call->error, "22012", 0, "division by zero");
    if (divisor == -1) {
        int64_t negative = 0;
        bool over = __builtin_sub_overflow(0, call->args[0].number, &negative);

        return set_integer(call, over, negative);
    }
    return set_integer(call, false, call->args[0].number / divisor);
}

static bool rest_of_integers(struct sql_call *call)
{
    int64_t divisor = call->args[1].number;

    if (divisor == 0) return sql_fail(call->error, "22012", 0, "division by zero");
    return set_integer(call, false, divisor == -1 ? 0 : call->args[0].number % divisor);
}

static bool negate_integer(struct sql_call *call)
{
    int64_t negative = 0;
    bool over = __builtin_sub_overflow(0, call->args[0].number, &negative);

    return set_integer(call, over, negative);
}

static bool same(struct sql_call *call)
{
    *call->result = call->args[0];
    return true;
}

static bool operate_decimals(struct sql_call *call, char operation)
{
    struct sql_decimal a;
    struct sql_decimal b;
    struct sql_decimal result;

    return sql_decimal_read(&a, call->args[0].text, call->error) &&
           sql_decimal_read(&b, call->args[1].text, call->error) &&
           sql_decimal_operate(operation, &a, &b, &result, call->error) &&
           set_text(call, sql_decimal_text(call->pool, &result));
}

static bool add_decimals(struct sql_call *call)
{
    return operate_decimals(call, '+');
}

static bool subtract_decimals(struct sql_call *call)
{
    return operate_decimals(call, '-');
}

static bool multiply_decimals(struct sql_call *call)
{
    return operate_decimals(call, '*');
}

static bool divide_decimals(struct sql_call *call)
{
    return operate_decimals(call, '/');
}

static bool rest_of_decimals(struct sql_call *call)
{
    return operate_decimals(call, '%');
}

static bool negate_decimal(struct sql_call *call)
{
    struct sql_decimal decimal;

    if (!sql_decimal_read(&decimal, call->args[0].text, call->error)) return false;
    decimal.negative = !decimal.negative && decimal.count > 0;
    return set_text(call, sql_decimal_text(call->pool, &decimal));
}

static bool set_float(struct sql_call *call, double number)
{
    if (isinf(number)) {
        return sql_fail(call->error, "22003", 0, "value out of range: overflow");
    }
    return set_text(call, sql_float_text(call->pool, number));
}

static bool read_floats(struct sql_call *call, double numbers[2])
{
    for (size_t i = 0; i < call->count; i++) {
        if (!sql_float_of(&call->args[i], &numbers[i], call->error)) return false;
    }
    return true;
}

static bool add_floats(struct sql_call *call)
{
    double numbers[2] = {0, 0};

    return read_floats(call, numbers) && set_float(call, numbers[0] + numbers[1]);
}

static bool subtract_floats(struct sql_call *call)
{
    double numbers[2] = {0, 0};

    return read_floats(call, numbers) && set_float(call, numbers[0] - numbers[1]);
}

static bool multiply_floats(struct sql_call *call)
{
    double numbers[2] = {0, 0};

    return read_floats(call, numbers) && set_float(call, numbers[0] * numbers[1]);
}

static bool divide_floats(struct sql_call *call)
{
    double numbers[2] = {0, 0};

    if (!read_floats(call, numbers)) return false;
    if (numbers[1] == 0) return sql_fail(call->error, "22012", 0, "division by zero");
    return set_float(call, numbers[0] / numbers[1]);
}

static bool negate_float(struct sql_call *call)
{
    double number[2] = {0, 0};

    return read_floats(call, number) && set_float(call, -number[0]);
}

static bool join_texts(struct sql_call *call)
{
    struct pawl_bytes sides[2];

    for (size_t i = 0; i < 2; i++) {
        sides[i] = sql_output(call->pool, &call->args[i]);
        if (sides[i].at == NULL) return no_memory(call);
    }
    size_t size = sides[0].size + sides[1].size;
    if (size > SQL_RESULT_BYTES_MAX) {
        return sql_fail(call->error, "54000", 0, "the text would be too long");
    }
    char *to = sql_pool_take(call->pool, size + 1);
    if (to == NULL) return no_memory(call);
    memcpy(to, sides[0].at, sides[0].size);
    memcpy(to + sides[0].size, sides[1].at, sides[1].size);
    return set_text(call, (struct pawl_bytes){to, size});
}

static bool equal(struct sql_call *call)
{
    call->result->number = sql_compare(&call->args[0], &call->args[1]) == 0;
    return true;
}

static bool unequal(struct sql_call *call)
{
    call->result->number = sql_compare(&call->args[0], &call->args[1]) != 0;
    return true;
}

static bool less(struct sql_call *call)
{
    call->result->number = sql_compare(&call->args[0], &call->args[1]) < 0;
    return true;
}

static bool greater(struct sql_call *call)
{
    call->result->number = sql_compare(&call->args[0], &call->args[1]) > 0;
    return true;
}

static bool at_most(struct sql_call *call)
{
    call->result->number = sql_compare(&call->args[0], &call->args[1]) <= 0;
    return true;
}

static bool at_least(struct sql_call *call)
{
    call->result->number = sql_compare(&call->args[0], &call->args[1]) >= 0;
    return true;
}

#define OPERATOR(name, run, result, ...)                          \
    {                                                             \
        name, SQL_DO_RUN, false, run, result,                     \
            sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
        {                                                         \
            __VA_ARGS__                                           \
        }                                                         \
    }
#define OF_INTEGERS(name, run)                             \
    OPERATOR(name, run, SQL_INT4, SQL_INT4, SQL_INT4),     \
        OPERATOR(name, run, SQL_INT8, SQL_INT8, SQL_INT8), \
        OPERATOR(name, run, SQL_INT8, SQL_INT8, SQL_INT4), \
        OPERATOR(name, run, SQL_INT8, SQL_INT4, SQL_INT8), \
        OPERATOR(name, run, SQL_INT2, SQL_INT2, SQL_INT2), \
        OPERATOR(name, run, SQL_INT4, SQL_INT2, SQL_INT4), \
        OPERATOR(name, run, SQL_INT4, SQL_INT4, SQL_INT2), \
        OPERATOR(name, run, SQL_INT8, SQL_INT2, SQL_INT8), \
        OPERATOR(name, run, SQL_INT8, SQL_INT8, SQL_INT2)
#define COMPARING(name, run)                                     \
    OPERATOR(name, run, SQL_BOOL, SQL_INT4, SQL_INT4),           \
        OPERATOR(name, run, SQL_BOOL, SQL_INT8, SQL_INT8),       \
        OPERATOR(name, run, SQL_BOOL, SQL_INT8, SQL_INT4),       \
        OPERATOR(name, run, SQL_BOOL, SQL_INT4, SQL_INT8),       \
        OPERATOR(name, run, SQL_BOOL, SQL_INT2, SQL_INT2),       \
        OPERATOR(name, run, SQL_BOOL, SQL_INT2, SQL_INT4),       \
        OPERATOR(name, run, SQL_BOOL, SQL_INT4, SQL_INT2),       \
        OPERATOR(name, run, SQL_BOOL, SQL_INT2, SQL_INT8),       \
        OPERATOR(name, run, SQL_BOOL, SQL_INT8, SQL_INT2),       \
        OPERATOR(name, run, SQL_BOOL, SQL_TEXT, SQL_TEXT),       \
        OPERATOR(name, run, SQL_BOOL, SQL_NAME, SQL_NAME),       \
        OPERATOR(name, run, SQL_BOOL, SQL_NAME, SQL_TEXT),       \
        OPERATOR(name, run, SQL_BOOL, SQL_TEXT, SQL_NAME),       \
        OPERATOR(name, run, SQL_BOOL, SQL_OID, SQL_OID),         \
        OPERATOR(name, run, SQL_BOOL, SQL_BOOL, SQL_BOOL),       \
        OPERATOR(name, run, SQL_BOOL, SQL_NUMERIC, SQL_NUMERIC), \
        OPERATOR(name, run, SQL_BOOL, SQL_FLOAT8, SQL_FLOAT8),   \
        OPERATOR(name, run, SQL_BOOL, SQL_TIMESTAMPTZ, SQL_TIMESTAMPTZ)
#define OF_FRACTIONS(name, decimals, floats)                         \
    OPERATOR(name, decimals, SQL_NUMERIC, SQL_NUMERIC, SQL_NUMERIC), \
        OPERATOR(name, floats, SQL_FLOAT8, SQL_FLOAT8, SQL_FLOAT8)

const struct sql_function sql_operators[] = {
    OF_INTEGERS("+", add_integers),
    OF_FRACTIONS("+", add_decimals, add_floats),
    OF_INTEGERS("-", subtract_integers),
    OF_FRACTIONS("-", subtract_decimals, subtract_floats),
    OF_INTEGERS("*", multiply_integers),
    OF_FRACTIONS("*", multiply_decimals, multiply_floats),
    OF_INTEGERS("/", divide_integers),
    OF_FRACTIONS("/", divide_decimals, divide_floats),
    OPERATOR("%", rest_of_integers, SQL_INT4, SQL_INT4, SQL_INT4),
    OPERATOR("%", rest_of_integers, SQL_INT8, SQL_INT8, SQL_INT8),
    OPERATOR("%", rest_of_integers, SQL_INT2, SQL_INT2, SQL_INT2),
    OPERATOR("%", rest_of_decimals, SQL_NUMERIC, SQL_NUMERIC, SQL_NUMERIC),
    OPERATOR("-", negate_integer, SQL_INT4, SQL_INT4),
    OPERATOR("-", negate_integer, SQL_INT8, SQL_INT8),
    OPERATOR("-", negate_integer, SQL_INT2, SQL_INT2),
    OPERATOR("-", negate_decimal, SQL_NUMERIC, SQL_NUMERIC),
    OPERATOR("-", negate_float, SQL_FLOAT8, SQL_FLOAT8),
    OPERATOR("+", same, SQL_INT4, SQL_INT4),
    OPERATOR("+", same, SQL_INT8, SQL_INT8),
    OPERATOR("+", same, SQL_INT2, SQL_INT2),
    OPERATOR("+", same, SQL_NUMERIC, SQL_NUMERIC),
    OPERATOR("+", same, SQL_FLOAT8, SQL_FLOAT8),
    OPERATOR("||", join_texts, SQL_TEXT, SQL_TEXT, SQL_TEXT),
    OPERATOR("||", join_texts, SQL_TEXT, SQL_TEXT, SQL_ANY),
    OPERATOR("||", join_texts, SQL_TEXT, SQL_ANY, SQL_TEXT),
    COMPARING("=", equal),
    COMPARING("<>", unequal),
    COMPARING("<", less),
    COMPARING(">", greater),
    COMPARING("<=", at_most),
    COMPARING(">=", at_least),
};
const size_t sql_operator_count = PAWL_COUNT(sql_operators);

/* The one that is further in the direction of sign; NULLs do not count. */
static bool furthest(struct sql_call *call, int sign)
{
    const struct sql_value *best = NULL;

    for (size_t i = 0; i < call->count; i++) {
        if (call->args[i].null) continue;
        if (best == NULL || sql_compare(&call->args[i], best) * sign > 0) best = &call->args[i];
    }
    if (best == NULL) {
        call->result->null = true;
    } else {
        *call->result = *best;
    }
    return true;
}

static bool greatest(struct sql_call *call)
{
    return furthest(call, 1);
}

static bool least(struct sql_call *call)
{
    return furthest(call, -1);
}

static bool both_equal(const struct sql_value *a, const struct sql_value *b)
{
    return !a->null && !b->null && sql_compare(a, b) == 0;
}

static bool distinct(struct sql_call *call)
{
    const struct sql_value *args = call->args;
    bool alike = (args[0].null && args[1].null) || both_equal(&args[0], &args[1]);

    call->result->number = !alike;
    return true;
}

static bool null_if(struct sql_call *call)
{
    *call->result = call->args[0];
    if (both_equal(&call->args[0], &call->args[1])) call->result->null = true;
    return true;
}

static bool in_list(struct sql_call *call)
{
    bool unknown = call->args[0].null;

    for (size_t i = 1; i < call->count; i++) {
        if (call->args[i].null) unknown = true;
        if (!both_equal(&call->args[0], &call->args[i])) continue;
        call->result->number = 1;
        return true;
    }
    call->result->null = unknown && call->count > 1;
    return true;
}

static bool in_array(struct sql_call *call)
{
    struct sql_elements elements;
    struct pawl_bytes element;
    struct sql_value value;
    bool null = false;
    int more = 0;

    if (!sql_elements_begin(&elements, call->args[1].text, call->error)) return false;
    while ((more = sql_elements_next(&elements, call->pool, &element, &null, call->error)) > 0) {
        if (null) {
            call->result->null = true;
            continue;
        }
        if (!sql_input(call->pool, element, call->args[0].type, &value, call->error)) return false;
        if (sql_compare(&call->args[0], &value) != 0) continue;
        *call->result = (struct sql_value){.type = SQL_BOOL, .number = 1};
        return true;
    }
    return more == 0;
}

const struct sql_function sql_greatest = {"greatest", SQL_DO_RUN, true, greatest, 0, 0, {0}};
const struct sql_function sql_least = {"least", SQL_DO_RUN, true, least, 0, 0, {0}};
const struct sql_function sql_distinct = {"distinct", SQL_DO_RUN, true, distinct, SQL_BOOL, 2, {0}};
const struct sql_function sql_null_if = {"nullif", SQL_DO_RUN, true, null_if, 0, 2, {0}};
const struct sql_function sql_in = {"in", SQL_DO_RUN, true, in_list, SQL_BOOL, 0, {0}};
const struct sql_function sql_any = {"any", SQL_DO_RUN, false, in_array, SQL_BOOL, 2, {0}};
