/* A plugin written in C that answers with what is no JSON. */
#include "envs/plugin.h"

static AgonStatus List(void* context, AgonReply reply) {
  const AgonText text = {"not [ JSON", 10};
  reply(context, text);
  return AGON_OK;
}

static const AgonPlugin kPlugin = {.abi = AGON_PLUGIN_ABI, .size = sizeof(AgonPlugin), .list = List};

const AgonPlugin* agon_plugin(void) { return &kPlugin; }
