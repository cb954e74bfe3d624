// How many processes a launcher started with this one. Private to policy.
#pragma once

#include <cstdlib>

namespace agon::policy {

// From the environment that Open MPI, MPICH (PMI) and Slurm set; 1 without a launcher. MPI is
// not even initialised in a process that nobody launched.
inline int LaunchedProcesses() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const char* size = std::getenv(name)) return std::atoi(size);
  }
  return 1;
}

}  // namespace agon::policy
