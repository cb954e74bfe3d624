// How a service is told to end: SIGINT (Ctrl-C) or SIGTERM.
#pragma once

namespace agon::net {

// From here on the two signals wait for WaitForStopSignal. Called first in a service's main:
// threads that started earlier would still be ended by them.
void HoldStopSignals();

// Blocks until one of them arrives, and returns its number. Another one after that ends the
// process at once. REQUIRES: HoldStopSignals was called.
int WaitForStopSignal();

}  // namespace agon::net
