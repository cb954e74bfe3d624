// Streams, events and graphs of the runtime.
#include "tests/cuda_emulator/device_memory.h"
#include "tests/cuda_emulator/runtime.h"
#include "tests/cuda_emulator/stream.h"

using cuda_emulator::Event;
using cuda_emulator::Graph;
using cuda_emulator::Stream;
using cuda_emulator::Streams;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  *stream = Streams::Instance().Create((flags & cudaStreamNonBlocking) == 0);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Streams::Instance().Destroy(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  auto& streams = Streams::Instance();
  if (streams.Capturing()) return cudaErrorStreamCaptureUnsupported;
  ++cuda_emulator::MachineCounts().waits;
  if (stream) {
    stream->Drain();
  } else {
    streams.DrainBlocking();
    streams.Get(nullptr).Drain();
  }
  cuda_emulator::DeviceMemory::Instance().CheckGuards();
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  auto& streams = Streams::Instance();
  if (streams.Get(stream).capture) return cudaErrorStreamCaptureUnsupported;
  if (event->stream == nullptr) return cudaSuccess;  // never recorded: nothing to wait for
  streams.Add(stream,
              [source = event->stream, ticket = event->ticket] { source->RunUntil(ticket); });
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new Event;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  if (event->stream) event->stream->RunUntil(event->ticket);
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  auto& streams = Streams::Instance();
  Stream& target = streams.Get(stream);
  if (target.capture) return cudaErrorStreamCaptureUnsupported;
  streams.Add(stream, [event] { event->nanoseconds = Streams::Instance().nanoseconds(); });
  event->stream = &target;
  event->ticket = target.num_added();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->stream) event->stream->RunUntil(event->ticket);
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (!begin->stream || !end->stream) return cudaErrorInvalidResourceHandle;
  if (end->stream->num_run() < end->ticket) return cudaErrorNotReady;
  *milliseconds = static_cast<float>(end->nanoseconds - begin->nanoseconds) * 1e-6f;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream == nullptr || stream->capture) return cudaErrorStreamCaptureUnsupported;
  stream->capture = std::make_unique<Graph>();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (stream == nullptr || !stream->capture) return cudaErrorInvalidValue;
  *graph = stream->capture.release();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  *executable = new Graph(*graph);
  ++cuda_emulator::MachineCounts().graphs;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  // A copy: the executable may be destroyed while its launch is under way.
  for (const auto& operation : executable->operations) Streams::Instance().Add(stream, operation);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
