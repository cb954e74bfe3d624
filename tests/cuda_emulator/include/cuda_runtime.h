// What a .cu file of this project includes, answered by the emulator.
#pragma once

#include "tests/cuda_emulator/device_functions.h"
#include "tests/cuda_emulator/language.h"
#include "tests/cuda_emulator/runtime.h"
