// How many processes a launcher started with this one. Private to policy.
#pragma once

#include <cstdlib>
#include <initializer_list>

namespace agon::policy {

// From the environment that Open MPI, MPICH (PMI) and Slurm (PMI-2, PMIx) set; 1 without a
// launcher. MPI is not even initialised in a process that nobody launched.
inline int LaunchedProcesses() {
  // Slurm counts the tasks of what knows nothing of MPI, too; with PMIx each also has its number.
  const bool is_pmix = std::getenv("PMIX_RANK") != nullptr;
  for (const char* name :
       {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", is_pmix ? "SLURM_STEP_NUM_TASKS" : ""}) {
    if (const char* size = std::getenv(name)) return std::atoi(size);
  }
  return 1;
}

}  // namespace agon::policy
