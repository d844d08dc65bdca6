package dev.trireme.ps;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.ps.plan.ShardPlan.Size;
import dev.trireme.ps.shard.Updater;
import java.util.List;

/**
 * A worker's parameters and the optimizer's slots, as they go to servers and come from them.
 *
 * <p>Threading: one thread.
 */
final class ServedState {
  private final Replica replica;
  private final List<String> slotNames;

  /**
   * @throws IllegalArgumentException for a parameter that no server can hold
   */
  ServedState(Replica replica, OptimizerSpec optimizer) {
    this.replica = replica;
    this.slotNames = Updater.of(optimizer).slotNames();
    replica.parameters().forEach(p -> requireFloat(p.tensor()));
  }

  private static void requireFloat(NamedTensor parameter) {
    if (parameter.dtype() != DType.FLOAT32 || parameter.data().device().kind() != Device.Kind.CPU) {
      throw new IllegalArgumentException(
          "parameter "
              + parameter.name()
              + " is "
              + parameter.dtype()
              + " on "
              + parameter.data().device()
              + ": a parameter server holds FLOAT32 on the CPU alone");
    }
  }

  int slotCount() {
    return slotNames.size();
  }

  /**
   * Of each parameter.
   *
   * @param sparse whether rows of tables travel alone
   */
  List<Size> sizes(boolean sparse) {
    return replica.parameters().stream().map(p -> size(p, sparse)).toList();
  }

  private Size size(Parameter parameter, boolean sparse) {
    NamedTensor tensor = parameter.tensor();
    boolean table = sparse && replica.tables().contains(parameter.index());
    int width = table ? Math.toIntExact(tensor.data().count() / tensor.shape().dim(0)) : 0;
    return new Size(tensor.data().count(), width);
  }

  /**
   * Rank 0 gives its own to all: a collective call of workers and servers.
   *
   * @param slab through which they travel
   * @param parts of it, one for each parameter
   */
  void give(Progress progress, ProcessGroup all, TensorBuffer slab, List<TensorBuffer> parts) {
    long updates = NativeMemory.view(optimizerState("step").data().address(), 8).getLong(0);
    Beginning.counts(all, progress.step(), updates, slotCount());
    for (int round = 0; round <= slotCount(); round++) {
      for (int parameter = 0; parameter < parts.size() && all.rank() == 0; parameter++) {
        NamedTensor own = replica.parameters().get(parameter).tensor();
        copy(round == 0 ? own.data() : slot(own.name(), round - 1).data(), parts.get(parameter));
      }
      all.broadcast(slab, 0).await();
      all.barrier().await();
    }
  }

  /** Takes the slots that have come, and the count of updates. */
  void take(Incoming incoming, long updates) {
    for (int slot = 0; slot < slotCount(); slot++) {
      for (Parameter parameter : replica.parameters()) {
        copy(incoming.slot(slot, parameter.index()), slot(parameter.tensor().name(), slot).data());
      }
    }
    NativeMemory.view(optimizerState("step").data().address(), 8).putLong(0, updates);
  }

  private NamedTensor slot(String parameter, int slot) {
    return optimizerState(parameter + "." + slotNames.get(slot));
  }

  private NamedTensor optimizerState(String name) {
    return replica.optimizerState().stream()
        .filter(t -> t.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("the optimizer has no state '" + name + "'"));
  }

  private static void copy(TensorBuffer from, TensorBuffer to) {
    NativeMemory.copy(from.address(), to.address(), from.byteCount());
  }
}
