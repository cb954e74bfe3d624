/* The border between agon and an environment in a shared object: a C ABI.
 *
 * Authors don't write against this file. They write a C++ source with REGISTER_ENV
 * (envs/env.h) and link it with agon::env, which brings an implementation of this
 * (envs/plugin/export.cc); `rl-env new` scaffolds it. What crosses is text: JSON as in
 * docs/formats/env-protocol.md, so that the plugin may be built by another compiler or with
 * another standard library, and no exception or C++ object ever crosses.
 *
 * A plugin exports one symbol, agon_plugin. Functions may be called from several threads at
 * once; one episode is used by one thread at a time. All text is UTF-8 except a completion,
 * which is any bytes. Texts that are passed in live until the function returns.
 */
#ifndef AGON_ENVS_PLUGIN_H_
#define AGON_ENVS_PLUGIN_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever anything below or the meaning of a JSON field changes incompatibly. */
#define AGON_PLUGIN_ABI 1u

typedef struct AgonText {
  const char* data;
  uint64_t size; /* bytes */
} AgonText;

/* Takes the answer of a call; called at most once, before the call returns. */
typedef void (*AgonReply)(void* context, AgonText answer);

/* AGON_OK: the answer is the result. Otherwise it is {"what", "where", "hint"}. */
typedef enum AgonStatus {
  AGON_OK = 0,
  AGON_USAGE = 1,       /* parameters that are wrong */
  AGON_CORRUPT = 2,     /* a task that isn't one */
  AGON_UNSUPPORTED = 3, /* can't be done by this environment */
  AGON_FAILED = 4       /* anything else */
} AgonStatus;

typedef struct AgonEnv AgonEnv;
typedef struct AgonEpisode AgonEpisode;

typedef struct AgonPlugin {
  uint32_t abi;  /* AGON_PLUGIN_ABI; always the first field */
  uint32_t size; /* sizeof(AgonPlugin) */

  /* Answers ["namespace/name-vN", ...]. */
  AgonStatus (*list)(void* context, AgonReply reply);
  /* Makes an environment, answers EnvInfo. */
  AgonStatus (*make_env)(AgonText id, AgonText params, AgonEnv** env, void* context,
                         AgonReply reply);
  void (*free_env)(AgonEnv* env);
  /* Answers Task. `split` is 0 train, 1 val, 2 test. */
  AgonStatus (*get)(const AgonEnv* env, uint32_t split, uint64_t seed, uint64_t index,
                    void* context, AgonReply reply);
  /* `task` is Task. Answers nothing. An episode may not outlive its environment. */
  AgonStatus (*start)(const AgonEnv* env, AgonText task, AgonEpisode** episode, void* context,
                      AgonReply reply);
  /* `saved` is an answer of save. */
  AgonStatus (*restore)(const AgonEnv* env, AgonText task, AgonText saved, AgonEpisode** episode,
                        void* context, AgonReply reply);
  void (*free_episode)(AgonEpisode* episode);
  /* Answers {"turn": Turn} or {"outcome": Outcome}. */
  AgonStatus (*step)(AgonEpisode* episode, AgonText completion, uint32_t truncated, void* context,
                     AgonReply reply);
  /* Answers {"text": string or null}. `labeler` is 0 immediate, 1 step by step. */
  AgonStatus (*demonstrate)(const AgonEpisode* episode, uint32_t labeler, uint64_t variant,
                            void* context, AgonReply reply);
  /* Answers {"text": string or null}. */
  AgonStatus (*save)(const AgonEpisode* episode, void* context, AgonReply reply);
  /* `group` is {"task", "completions": [...], "outcomes": [...]}; answers
   * {"outcomes": [...]}. */
  AgonStatus (*score_group)(const AgonEnv* env, AgonText group, void* context, AgonReply reply);
} AgonPlugin;

/* The plugin's functions, valid for the rest of the process. */
const AgonPlugin* agon_plugin(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* AGON_ENVS_PLUGIN_H_ */
