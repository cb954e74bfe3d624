/* A plugin of another time. */
#include "envs/plugin.h"

static const AgonPlugin kPlugin = {.abi = 99, .size = sizeof(AgonPlugin)};

const AgonPlugin* agon_plugin(void) { return &kPlugin; }
