/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/script.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "store/fields.h"

#define LUA_FIELD(name, kind) "'" #name "',"

#define LUA_LOOK                                                                                   \
    "local F={" PAWL_FIELD_MAP(                                                                    \
        LUA_FIELD) "}\n"                                                                           \
                   "local function look(key)\n"                                                    \
                   "  local kind=redis.call('TYPE',key).ok\n"                                      \
                   "  if kind=='none' then return {'absent'} end\n"                                \
                   "  if kind~='hash' then return {'foreign',kind} end\n"                          \
                   "  return {'found',redis.call('PTTL',key),redis.call('HMGET',key,unpack(F))}\n" \
                   "end\n"

/* Places in the fields, from 1 on, that the scripts have as digits. */
_Static_assert(PAWL_FIELD_format == 0 && PAWL_FIELD_next == 1 && PAWL_FIELD_epoch == 2 &&
                   PAWL_FIELD_lap == 4 && PAWL_FIELD_version == 5 && PAWL_FIELD_tag == 6 &&
                   PAWL_FIELD_ended == 14 && PAWL_FIELD_dropped == 15 && PAWL_FIELD_rate == 18 &&
                   PAWL_FIELD_written_at == 21,
               "the scripts count on the format's order");

/* The answer bears the request's number, which is its last word, before all else. */
#define SCRIPT(body)                                  \
    LUA_LOOK "local function answer()\n" body "end\n" \
             "local a=answer()\n"                     \
             "table.insert(a,1,ARGV[#ARGV])\n"        \
             "return a"

/* Of a record: `elsewhere` says that the server is not where the asker thinks, `wrote` counts. */
#define RECORD_SCRIPT(body)                                                              \
    LUA_LOOK "local N=#ARGV\n"                                                           \
             "local function there()\n"                                                  \
             "  local m=redis.call('HMGET',KEYS[#KEYS],'branch','position')\n"           \
             "  return {m[1] or '',m[2] or '0'}\n"                                       \
             "end\n"                                                                     \
             "local function elsewhere()\n"                                              \
             "  local m=there()\n"                                                       \
             "  return m[1]~=ARGV[N-2] or tonumber(m[2])<tonumber(ARGV[N-1])\n"          \
             "end\n"                                                                     \
             "local function wrote() redis.call('HINCRBY',KEYS[#KEYS],'position',1) "    \
             "end\n"                                                                     \
             "local function answer()\n" body "end\n"                                    \
             "local a=answer()\n"                                                        \
             "local m=there()\n"                                                         \
             "table.insert(a,1,m[2]) table.insert(a,1,m[1]) table.insert(a,1,ARGV[N])\n" \
             "return a"

static const char read_text[] = RECORD_SCRIPT("return look(KEYS[1])\n");

/* Of a write that was carried out already the tag is written again, as it is: a WAIT is for what
 * was written on its own connection, and that one may have been another. */
static const char write_text[] = RECORD_SCRIPT(
    "local now=look(KEYS[1])\n"
    "local tag=now[3] and now[3][7]\n"
    "if tag==ARGV[9] and now[2]==-1 then\n"
    "  redis.call('HSET',KEYS[1],'tag',tag)\n"
    "  return {'refused',now}\n"
    "end\n"
    "if elsewhere() then return {'refused',now} end\n"
    "if ARGV[1]=='' then\n"
    "  if now[1]~='absent' then return {'refused',now} end\n"
    "elseif not (tag and now[3][6]) or tag..'/'..now[3][6]~=ARGV[1] or now[2]~=-1 then\n"
    "  return {'refused',now}\n"
    "end\n"
    "local kind=redis.call('TYPE',KEYS[2]).ok\n"
    "if kind~='none' and kind~='zset' then return {'index',kind} end\n"
    "local set={}\n"
    "for i,f in ipairs(F) do set[2*i-1]=f set[2*i]=ARGV[2+i] end\n"
    "redis.call('ZADD',KEYS[2],0,ARGV[2])\n"
    "redis.call('HSET',KEYS[1],unpack(set))\n"
    "wrote()\n"
    "return {'done'}\n");

/*
 * HINCRBY cannot fail here: next and version are whole numbers as Redis writes them, and the bounds
 * keep the sum within 64 bits. Should the user not be allowed it, only the tag has changed.
 */
static const char advance_text[] = RECORD_SCRIPT(
    "local function whole(t)\n"
    "  return type(t)=='string' and (t=='0' or t:match('^%-?[1-9]%d*$')) and #t<21\n"
    "end\n"
    "local function less(a,b)\n"
    "  local na,nb=a:sub(1,1)=='-',b:sub(1,1)=='-'\n"
    "  if na~=nb then return na end\n"
    "  if na then a,b=b:sub(2),a:sub(2) end\n"
    "  if #a~=#b then return #a<#b end\n"
    "  return a<b\n"
    "end\n"
    "local now=look(KEYS[1])\n"
    "local v=now[3]\n"
    "if elsewhere() or not v or now[2]~=-1 or v[1]~='1' or v[3]~=ARGV[1] or v[5]~=ARGV[2]\n"
    "    or v[15]~='0' or v[16]~='0' then\n"
    "  return {'refused',now}\n"
    "end\n"
    "if not whole(v[2]) or not whole(v[6]) or #v[6]>18 then return {'damaged',now} end\n"
    "if less(v[2],ARGV[3]) or less(ARGV[4],v[2]) then return {'refused',now} end\n"
    "redis.call('HSET',KEYS[1],'tag',ARGV[5],'rate',ARGV[6],'written_at',ARGV[7])\n"
    "redis.call('HINCRBY',KEYS[1],'version',1)\n"
    "for i=8,N-3 do redis.call('HINCRBY',KEYS[1],'next',ARGV[i]) end\n"
    "local w=redis.call('HMGET',KEYS[1],'next','version')\n"
    "v[2]=w[1] v[6]=w[2] v[7]=ARGV[5] v[19]=ARGV[6] v[22]=ARGV[7]\n"
    "wrote()\n"
    "return {'done',now}\n");

static const char list_text[] =
    SCRIPT("local kind=redis.call('TYPE',KEYS[1]).ok\n"
           "if kind=='none' then return {'names'} end\n"
           "if kind~='zset' then return {'index',kind} end\n"
           "local out={'names'}\n"
           "for _,n in ipairs(redis.call('ZRANGEBYLEX',KEYS[1],ARGV[1],'+','LIMIT',0,ARGV[2])) do\n"
           "  out[#out+1]=n\n"
           "  out[#out+1]=look(ARGV[3]..n)\n"
           "end\n"
           "return out\n");

static const char check_text[] =
    SCRIPT("local kind=redis.call('TYPE',KEYS[1]).ok\n"
           "if kind~='none' and kind~='zset' then return {'index',kind} end\n"
           "local names,mortal,lost={},0,0\n"
           "local one,other='',''\n"
           "if kind=='zset' then names=redis.call('ZRANGE',KEYS[1],0,ARGV[1]-1) end\n"
           "for _,n in ipairs(names) do\n"
           "  local ttl=redis.call('PTTL',ARGV[2]..n)\n"
           "  if ttl==-2 then lost=lost+1 other=n elseif ttl~=-1 then mortal=mortal+1 one=n end\n"
           "end\n"
           "return {'checked',#names,mortal,one,lost,other}\n");

static const char meta_text[] =
    "local function there()\n"
    "  return redis.call('HMGET',KEYS[1],'branch','position','name','run_id','replid','waited')\n"
    "end\n"
    "local m=there()\n"
    "if #ARGV>0 and (m[1] or '')==ARGV[1] then\n"
    "  redis.call('HSET',KEYS[1],'format',1,'branch',ARGV[2],'run_id',ARGV[4],'replid',ARGV[5],\n"
    "             'waited',ARGV[6])\n"
    "  if not m[3] then redis.call('HSET',KEYS[1],'name',ARGV[3]) end\n"
    "  if not m[2] then redis.call('HSET',KEYS[1],'position',0) end\n"
    "  m=there()\n"
    "end\n"
    "return m\n";

struct pawl_bytes pawl_redis_script_text(enum pawl_redis_script script)
{
    static const struct pawl_bytes texts[PAWL_REDIS_SCRIPTS] = {
        [PAWL_REDIS_READ] = {read_text, sizeof read_text - 1},
        [PAWL_REDIS_WRITE] = {write_text, sizeof write_text - 1},
        [PAWL_REDIS_ADVANCE] = {advance_text, sizeof advance_text - 1},
        [PAWL_REDIS_LIST] = {list_text, sizeof list_text - 1},
        [PAWL_REDIS_CHECK] = {check_text, sizeof check_text - 1},
        [PAWL_REDIS_META] = {meta_text, sizeof meta_text - 1},
    };

    PAWL_ASSERT(script < PAWL_REDIS_SCRIPTS);
    return texts[script];
}

void pawl_redis_scripts_make(struct pawl_redis_scripts *scripts)
{
    for (int i = 0; i < PAWL_REDIS_SCRIPTS; i++) {
        struct pawl_bytes text = pawl_redis_script_text((enum pawl_redis_script)i);
        unsigned char digest[EVP_MAX_MD_SIZE];
        size_t size = 0;
        char *sha = scripts->sha[i];

        sha[0] = '\0';
        if (EVP_Q_digest(NULL, "SHA1", NULL, text.at, text.size, digest, &size) != 1) continue;
        for (size_t byte = 0; byte < size && byte < PAWL_REDIS_SHA_BYTES / 2; byte++) {
            (void)snprintf(sha + 2 * byte, 3, "%02x", digest[byte]);
        }
    }
}
