package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Batches on a device. A batch that is prepared is copied to page-locked memory at once, and from
 * there by the device itself, on a stream of its own, while the step before still computes. There
 * are two places for a batch, used in turn.
 *
 * <p>Why no place is overwritten while it is in use: a place is filled again only when the forward
 * of the batch in the other one has returned, which waited for its own copy and, by fetching its
 * loss, for all that was computed before it; and that forward came after the last computation on
 * the batch which the place held. What was copied from its page-locked half was waited for by the
 * forward of that batch. A batch that no forward has followed gives its place up to the next one,
 * after a wait for the whole device.
 *
 * <p>Cost: two batches in page-locked memory and two on the device.
 */
final class DeviceFeed implements BatchFeed {
  private final Device device;
  private final Optional<CopyStream> stream;
  private final UnaryOperator<Tensor> pinning;
  private final Runnable waiting;
  private final Place[] places = new Place[2];
  private int turn;
  private boolean taken = true;
  private Optional<Batch> prepared = Optional.empty();

  DeviceFeed(Device device) {
    this(
        device,
        CopyStream.open(device),
        Tensor::pin_memory,
        () -> torch.cuda_synchronize(device.index()));
  }

  /**
   * @param stream to copy on; without one, copies go with the computation
   * @param pinning gives the same values in page-locked memory
   * @param waiting waits for the whole device
   */
  DeviceFeed(
      Device device, Optional<CopyStream> stream, UnaryOperator<Tensor> pinning, Runnable waiting) {
    this.device = device;
    this.stream = stream;
    this.pinning = pinning;
    this.waiting = waiting;
    places[0] = new Place();
    places[1] = new Place();
  }

  /** Room for one batch, page-locked and on the device. */
  private final class Place {
    private final Half features = new Half();
    private final Half labels = new Half();

    /** Copies a batch; the device's part may still go on when this returns. */
    void fill(Batch batch) {
      // Before the streams are switched: the device's memory is to belong to the compute stream.
      boolean fresh = features.ensure(batch.features(), batch.featureShape());
      fresh |= labels.ensure(batch.labels(), batch.labelShape());
      if (fresh) {
        // The allocator may hand out memory that the compute stream has yet to be done with.
        waiting.run();
      }
      features.pin(batch.features());
      labels.pin(batch.labels());
      Runnable copies =
          () -> {
            features.send(batch.size());
            labels.send(batch.size());
          };
      stream.ifPresentOrElse(s -> s.run(copies), copies);
    }

    void close() {
      features.close();
      labels.close();
    }
  }

  /** Features or labels of a place. */
  private final class Half {
    private Optional<Tensor> pinned = Optional.empty();
    private Optional<Tensor> there = Optional.empty();

    /** Makes room for values like these; says whether the room is new. */
    boolean ensure(TensorBuffer values, Shape shape) {
      if (there.isPresent() && fits(Tensors.shape(there.get()), shape)) {
        return false;
      }
      close();
      Tensor host = Tensors.zeros(shape, values.dtype());
      pinned = Optional.of(pinning.apply(host).retainReference());
      there = Optional.of(Tensors.zeros(shape, values.dtype(), device).retainReference());
      return true;
    }

    private static boolean fits(Shape room, Shape wanted) {
      boolean sameItems = room.rank() == wanted.rank();
      for (int i = 1; sameItems && i < room.rank(); i++) {
        sameItems = room.dim(i) == wanted.dim(i);
      }
      return sameItems && room.dim(0) >= wanted.dim(0);
    }

    void pin(TensorBuffer values) {
      NativeMemory.copy(
          values.address(), pinned.orElseThrow().data_ptr().address(), values.byteCount());
    }

    void send(long items) {
      there.orElseThrow().narrow(0, 0, items).copy_(pinned.orElseThrow().narrow(0, 0, items), true);
    }

    Tensor part(long begin, long items) {
      return there.orElseThrow().narrow(0, begin, items);
    }

    void close() {
      there.ifPresent(Tensor::releaseReference);
      pinned.ifPresent(Tensor::releaseReference);
      there = Optional.empty();
      pinned = Optional.empty();
    }
  }

  @Override
  @SuppressWarnings("try") // a scope does its work by being open
  public void prepare(Batch next) {
    prepared = Optional.empty();
    if (next.size() == 0) {
      return;
    }
    if (taken) {
      turn = 1 - turn;
    } else {
      waiting.run();
    }
    taken = false;
    try (PointerScope scope = new PointerScope()) {
      places[turn].fill(next);
      prepared = Optional.of(next);
    } catch (RuntimeException e) {
      throw OutOfMemory.explained("copying the batch to the device", e, next);
    }
  }

  @Override
  public Inputs inputs(Batch batch) {
    return prepared
        .filter(whole -> holds(whole, batch))
        .map(whole -> part(whole, batch))
        .orElseGet(() -> unprepared(batch));
  }

  /** Whether {@code part} is some of the items of {@code whole}. */
  private static boolean holds(Batch whole, Batch part) {
    long begin = part.features().address() - whole.features().address();
    return part.from().equals(whole.from())
        && begin >= 0
        && begin + part.features().byteCount() <= whole.features().byteCount();
  }

  private Inputs part(Batch whole, Batch batch) {
    stream.ifPresent(CopyStream::await);
    taken = true;
    long itemBytes = whole.features().byteCount() / whole.size();
    long begin = (batch.features().address() - whole.features().address()) / itemBytes;
    Place place = places[turn];
    return new Inputs(
        place.features.part(begin, batch.size()), place.labels.part(begin, batch.size()));
  }

  @Override
  public Inputs unprepared(Batch batch) {
    return new Inputs(
        Tensors.moved(Tensors.wrap(batch.features(), batch.featureShape()), device),
        Tensors.moved(Tensors.wrap(batch.labels(), batch.labelShape()), device));
  }

  @Override
  public void forget() {
    prepared = Optional.empty();
  }

  @Override
  public void close() {
    forget();
    stream.ifPresent(CopyStream::close);
    places[0].close();
    places[1].close();
  }
}
