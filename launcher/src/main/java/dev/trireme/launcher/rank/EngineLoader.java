package dev.trireme.launcher.rank;

import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.api.engine.Engine;
import dev.trireme.api.engine.EngineException;
import dev.trireme.engine.TorchEngine;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Loads libtorch, and the kernels of collectives, on a thread of its own while the process connects
 * with its agent: that takes most of a rank's start.
 */
final class EngineLoader {
  private final CompletableFuture<Void> natives = new CompletableFuture<>();

  private EngineLoader() {}

  static EngineLoader start() {
    EngineLoader loader = new EngineLoader();
    Thread thread = new Thread(loader::load, "engine-loader");
    thread.setDaemon(true);
    thread.start();
    return loader;
  }

  private void load() {
    try {
      // One thread for now: how many there are to be is known only when the job is.
      TorchEngine.load(1);
      // So that the ranks' first meeting need not: an abort could not end that.
      Reductions.load();
      natives.complete(null);
    } catch (Throwable e) {
      natives.completeExceptionally(e);
    }
  }

  /** Waits until libtorch is loaded or cannot be. */
  void awaitLibraries() {
    natives.handle((done, error) -> null).join();
  }

  /**
   * Waits until libtorch is loaded.
   *
   * @param threads that compute
   * @throws EngineException when it cannot be
   */
  Engine await(int threads) {
    try {
      natives.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof EngineException refused) {
        throw refused;
      }
      throw new EngineException("libtorch cannot be loaded: " + e.getCause(), e.getCause());
    }
    return TorchEngine.load(threads);
  }
}
