package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import org.bytedeco.pytorch.Tensor;

/** Batches where they are: the CPU reads them in place. */
final class HostFeed implements BatchFeed {
  /** Of memory that libtorch allocates. */
  private static final int ALIGNMENT_BYTES = 64;

  @Override
  public void prepare(Batch next) {}

  @Override
  public Inputs inputs(Batch batch) {
    return new Inputs(aligned(batch), Tensors.wrap(batch.labels(), batch.labelShape()));
  }

  @Override
  public Inputs unprepared(Batch batch) {
    return inputs(batch);
  }

  /**
   * A batch's features where kernels like them: some of libtorch's libraries add up in another
   * order from an address that is not aligned, and the part of a batch begins anywhere.
   */
  private static Tensor aligned(Batch batch) {
    Tensor features = Tensors.wrap(batch.features(), batch.featureShape());
    return batch.features().address() % ALIGNMENT_BYTES == 0 ? features : features.clone();
  }

  @Override
  public void forget() {}

  @Override
  public void close() {}
}
