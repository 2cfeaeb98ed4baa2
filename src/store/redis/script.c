/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis/script.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "store/fields.h"

#define LUA_FIELD(name, kind) "'" #name "',"
/* 'I' for whole numbers. */
#define LUA_KIND(name, kind)  LUA_##kind
#define LUA_PAWL_FIELD_I64    "'I',"
#define LUA_PAWL_FIELD_REAL   "'R',"
#define LUA_PAWL_FIELD_TEXT   "'T',"

/*
 * A record says of which name it is. Where one store's prefix begins with another's, a name of the
 * one may have the key of the other's record: it is found out here. Records of older pawls do not
 * say it, until they are written.
 */
/* clang-format off */
#define LUA_LOOK                                                                 \
    "local F={" PAWL_FIELD_MAP(LUA_FIELD) "}\n"                                  \
    "local function look(key,name)\n"                                            \
    "  local kind=redis.call('TYPE',key).ok\n"                                   \
    "  if kind=='none' then return {'absent'} end\n"                             \
    "  if kind~='hash' then return {'foreign',kind} end\n"                       \
    "  local v=redis.call('HMGET',key,'name',unpack(F))\n"                       \
    "  local of=table.remove(v,1)\n"                                             \
    "  if of and of~=name then return {'foreign','record'} end\n"                \
    "  return {'found',redis.call('PTTL',key),v}\n"                              \
    "end\n"
/* clang-format on */

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

/*
 * Of a record: `elsewhere` says that the server is not where the asker thinks, `write` counts.
 *
 * Redis takes nothing back of a script that fails. Where a right is missing it fails at the command
 * that lacks it, wherever that stands. (Memory, the disk, replicas and the role are judged at the
 * first command that writes, and after that no more.) So the commands come in this order:
 *   1. ZADD, of a WRITE, with XX and the score that is there: tried, as it comes last;
 *   2. HINCRBY of the position: counts one write too many, if no more is carried out;
 *   3. HSET of the record: of a WRITE all of it at once, `touched` from then on; of an ADVANCE what
 *      lies beside its ids;
 *   4. ZADD; or HINCRBY of an ADVANCE, `touched` from then on, and HSET of its tag: all of these
 *      were carried out before.
 * What fails before `touched` has written nothing of the record, and says so: "failed". What fails
 * after it, "torn", is settled by the record's tag.
 */
#define RECORD_SCRIPT(body)                                                              \
    LUA_LOOK "local N=#ARGV\n"                                                           \
             "local touched=false\n"                                                     \
             "local name=KEYS[1]:sub(#KEYS[#KEYS]-5)\n" /* behind the prefix */          \
             "local function there()\n"                                                  \
             "  local m=redis.call('HMGET',KEYS[#KEYS],'branch','position')\n"           \
             "  return {m[1] or '',m[2] or '0'}\n"                                       \
             "end\n"                                                                     \
             "local function elsewhere()\n"                                              \
             "  local m=there()\n"                                                       \
             "  return m[1]~=ARGV[N-2] or tonumber(m[2])<tonumber(ARGV[N-1])\n"          \
             "end\n"                                                                     \
             "local function write(...)\n"                                               \
             "  redis.call('HINCRBY',KEYS[#KEYS],'position',1)\n"                        \
             "  redis.call('HSET',KEYS[1],'name',name,...)\n"                            \
             "end\n"                                                                     \
             "local function answer()\n" body "end\n"                                    \
             "local fine,a=pcall(answer)\n"                                              \
             "if not fine then\n"                                                        \
             "  a={touched and 'torn' or 'failed',type(a)=='table' and a.err or a}\n"    \
             "end\n"                                                                     \
             "local m=there()\n"                                                         \
             "table.insert(a,1,m[2]) table.insert(a,1,m[1]) table.insert(a,1,ARGV[N])\n" \
             "return a"

static const char read_text[] = RECORD_SCRIPT("return look(KEYS[1],name)\n");

/* Of a write that was carried out already tag and name are written again, as they are: a WAIT is
 * for what was written on its own connection, and that one may have been another; and it may be
 * torn. */
static const char write_text[] = RECORD_SCRIPT(
    "local now=look(KEYS[1],name)\n"
    "local tag=now[3] and now[3][7]\n"
    "if tag==ARGV[9] and now[2]==-1 then\n"
    "  touched=true\n"
    "  redis.call('HSET',KEYS[1],'tag',tag)\n"
    "  redis.call('ZADD',KEYS[2],0,ARGV[2])\n"
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
    "redis.call('ZADD',KEYS[2],'XX',0,ARGV[2])\n"
    "write(unpack(set))\n"
    "touched=true\n"
    "redis.call('ZADD',KEYS[2],0,ARGV[2])\n"
    "return {'done'}\n");

/*
 * HINCRBY cannot fail here: next and version are whole numbers as Redis writes them, and the bounds
 * keep the sum within 64 bits. The tag comes last all the same: who finds his own takes the ids for
 * granted, so next must have moved by then. What comes first shows that the rights are there.
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
    "local now=look(KEYS[1],name)\n"
    "local v=now[3]\n"
    "if elsewhere() or not v or now[2]~=-1 or v[1]~='1' or v[3]~=ARGV[1] or v[5]~=ARGV[2]\n"
    "    or v[15]~='0' or v[16]~='0' then\n"
    "  return {'refused',now}\n"
    "end\n"
    "if not whole(v[2]) or not whole(v[6]) or #v[6]>18 then return {'damaged',now} end\n"
    "if less(v[2],ARGV[3]) or less(ARGV[4],v[2]) then return {'refused',now} end\n"
    "write('rate',ARGV[6],'written_at',ARGV[7])\n"
    "for i=8,N-3 do redis.call('HINCRBY',KEYS[1],'next',ARGV[i]) touched=true end\n"
    "redis.call('HINCRBY',KEYS[1],'version',1)\n"
    "redis.call('HSET',KEYS[1],'tag',ARGV[5])\n"
    "local w=redis.call('HMGET',KEYS[1],'next','version')\n"
    "v[2]=w[1] v[6]=w[2] v[7]=ARGV[5] v[19]=ARGV[6] v[22]=ARGV[7]\n"
    "return {'done',now}\n");

static const char list_text[] =
    SCRIPT("local kind=redis.call('TYPE',KEYS[1]).ok\n"
           "if kind=='none' then return {'names'} end\n"
           "if kind~='zset' then return {'index',kind} end\n"
           "local out={'names'}\n"
           "for _,n in ipairs(redis.call('ZRANGEBYLEX',KEYS[1],ARGV[1],'+','LIMIT',0,ARGV[2])) do\n"
           "  out[#out+1]=n\n"
           "  out[#out+1]=look(ARGV[3]..n,n)\n"
           "end\n"
           "return out\n");

/* What pawl_fields_read would refuse, but for bounds that do not fit each other. */
static const char check_text[] = SCRIPT("local K={" PAWL_FIELD_MAP(
    LUA_KIND) "}\n"
              "local kind=redis.call('TYPE',KEYS[1]).ok\n"
              "if kind~='none' and kind~='zset' then return {'index',kind} end\n"
              "local names,mortal,lost,unread={},0,0,0\n"
              "local one,other,third='','',''\n"
              "local function reads(now)\n"
              "  local v=now[3]\n"
              "  if not v or v[1]~='1' then return false end\n"
              "  for i,k in ipairs(K) do\n"
              "    if not v[i] or k=='I' and not v[i]:match('^%-?%d+$') then return false end\n"
              "  end\n"
              "  return v[3]~='0' and v[4]~='0' and v[9]~='0'\n"
              "end\n"
              "if kind=='zset' then\n"
              "  names=redis.call('ZRANGE',KEYS[1],ARGV[1],ARGV[1]+ARGV[2]-1)\n"
              "end\n"
              "for _,n in ipairs(names) do\n"
              "  local now=look(ARGV[3]..n,n)\n"
              "  if now[1]=='absent' then lost=lost+1 other=n\n"
              "  elseif not reads(now) then unread=unread+1 third=n\n"
              "  elseif now[2]~=-1 then mortal=mortal+1 one=n end\n"
              "end\n"
              "return {'checked',#names,mortal,one,lost,other,unread,third}\n");

/*
 * Redis looks whether the user may run a command on these keys before the command looks at its
 * arguments: which are wrong, or of no name, where it would write. What it says then is no refusal.
 * A newer pawl's format stays, and is told.
 */
static const char tries_text[] =
    SCRIPT("local record,names,meta=KEYS[1],KEYS[2],KEYS[3]\n"
           "local tries={{'PING'},{'TYPE',record},{'PTTL',record},{'HMGET',record,'format'},\n"
           "  {'HSET',record,'format',1,'of'},{'HINCRBY',record,'next','no number'},\n"
           "  {'HMGET',meta,'format'},{'HSET',meta,'format',1,'of'},\n"
           "  {'HINCRBY',meta,'position','no number'},{'ZADD',names,'XX',0,''},\n"
           "  {'ZRANGE',names,0,0},{'ZRANGEBYLEX',names,'-','+','LIMIT',0,1}}\n"
           "local function judged(said)\n"
           "  return said:find('wrong number of arguments for',1,true)\n"
           "    or said:find('not an integer',1,true)\n"
           "end\n"
           "for _,try in ipairs(tries) do\n"
           "  local said=redis.pcall(unpack(try))\n"
           "  if type(said)=='table' and said.err and not judged(said.err) then\n"
           "    return {'refused',try[1],said.err}\n"
           "  end\n"
           "  local format=try[1]=='HMGET' and said[1]\n"
           "  if format and format~='1' then return {'format',format} end\n"
           "end\n"
           "return {'may'}\n");

/* What has no branch is nothing's, or another program's: that is not written to. */
static const char meta_text[] =
    "local K,A,c=KEYS[1],ARGV,redis.call\n"
    "local function there()\n"
    "  local m=c('HMGET',K,'branch','position','name','run_id','replid','waited','format')\n"
    "  m[8]=c('TYPE',K).ok\n"
    "  return m\n"
    "end\n"
    "local m=there()\n"
    "if #A>0 and (m[1] or m[8]=='none' and '')==A[1] and (m[7] or '1')=='1' then\n"
    "  c('HSET',K,'format',1,'branch',A[2],'run_id',A[4],'replid',A[5],'waited',A[6])\n"
    "  if not m[3] then c('HSET',K,'name',A[3]) end\n"
    "  if not m[2] then c('HSET',K,'position',0) end\n"
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
        [PAWL_REDIS_INIT] = {tries_text, sizeof tries_text - 1},
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
