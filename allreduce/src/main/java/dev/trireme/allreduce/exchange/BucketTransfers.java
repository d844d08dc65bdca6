package dev.trireme.allreduce.exchange;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.engine.Parameter;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.Shape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Chooses how each bucket travels. */
record BucketTransfers(
    ProcessGroup group,
    List<Parameter> parameters,
    BucketLayout layout,
    CompressionSpec compression,
    DeviceMemory memory,
    Device device) {

  BucketTransfers {
    boolean compresses = !(compression instanceof CompressionSpec.None) && group.worldSize() > 1;
    if (compresses && !device.equals(Device.CPU)) {
      throw new IllegalArgumentException(
          "expected no compression with parameters on "
              + device
              + ", found "
              + compression
              + ": gradients are compressed on the CPU only; leave parallel.compression out, or"
              + " use parallel.device: cpu");
    }
  }

  /** One for each bucket, in their order: a collective call. When it throws, there are none. */
  List<BucketTransfer> make() {
    List<BucketTransfer> made = new ArrayList<>();
    try {
      for (int bucket = 0; bucket < layout.buckets().size(); bucket++) {
        made.add(of(bucket));
      }
    } catch (RuntimeException | Error e) {
      made.forEach(BucketTransfer::close);
      throw e;
    }
    return List.copyOf(made);
  }

  private BucketTransfer of(int index) {
    BucketLayout.Bucket bucket = layout.buckets().get(index);
    if (!device.equals(Device.CPU)) {
      return new DeviceTransfer(group, memory, device, bucket);
    }
    if (bucket.dtype() != DType.FLOAT32 || bucket.count() == 0 || group.worldSize() == 1) {
      return new BucketTransfer.Plain(group, bucket);
    }
    if (compression instanceof CompressionSpec.Float16) {
      return new NarrowTransfer(group, bucket, DType.FLOAT16);
    }
    if (compression instanceof CompressionSpec.Bfloat16) {
      return new NarrowTransfer(group, bucket, DType.BFLOAT16);
    }
    if (compression instanceof CompressionSpec.PowerSgd power) {
      return new PowerSgdTransfer(group, bucket, pieces(index), power.rank(), power.startStep());
    }
    if (compression instanceof CompressionSpec.TopK top) {
      return new TopKTransfer(group, bucket, top.ratio());
    }
    return new BucketTransfer.Plain(group, bucket);
  }

  private List<PowerSgdTransfer.Piece> pieces(int bucket) {
    return IntStream.range(0, parameters.size())
        .filter(i -> layout.slots().get(i).bucket() == bucket)
        .mapToObj(
            i -> {
              BucketLayout.Slot slot = layout.slots().get(i);
              Shape shape = parameters.get(i).tensor().shape();
              long rows = shape.rank() < 2 ? 0 : shape.dim(0);
              return new PowerSgdTransfer.Piece(slot.from(), slot.count(), rows);
            })
        .sorted(Comparator.comparingLong(PowerSgdTransfer.Piece::from))
        .toList();
  }
}
