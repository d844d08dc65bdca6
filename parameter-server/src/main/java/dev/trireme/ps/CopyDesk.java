package dev.trireme.ps;

import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.shard.Room;
import dev.trireme.ps.shard.ShardCopy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Copies of shards on their way to servers that are to hold them too, while workers go on: what the
 * copy knows, then its bytes part by part. What the primary passes on afterwards comes behind them,
 * so that it finds the copy whole.
 *
 * <p>What is sent must not change until the other has it; the primary sees to that.
 *
 * <p>Threading: one thread.
 */
final class CopyDesk implements AutoCloseable {
  /** A copy that is not whole yet. */
  private static final class Arriving implements AutoCloseable {
    final Room record = new Room();
    final ShardCopy copy;
    List<TensorBuffer> parts = List.of();
    long left;

    Arriving(ShardCopy copy) {
      this.copy = copy;
    }

    @Override
    public void close() {
      record.close();
    }
  }

  private final ShardStore store;
  private final Post post;
  private final Map<Integer, Room> records = new HashMap<>();
  private final Map<Integer, Arriving> arriving = new HashMap<>();
  private boolean leaving;

  CopyDesk(ShardStore store, Post post) {
    this.store = store;
    this.post = post;
  }

  /** Sends a copy to a rank. */
  void send(ShardCopy copy, int to) {
    int shard = copy.shard().index();
    long[] record = copy.record();
    TensorBuffer message = records.computeIfAbsent(shard, s -> new Room()).of(8L * record.length);
    Room.view(message).asLongBuffer().put(0, record);
    post.send(
        to,
        Frame.about(Kind.COPY, shard, 0, 0).as(Kind.COPY, message.byteCount()),
        Optional.of(message));
    List<TensorBuffer> parts = copy.parts();
    for (int part = 0; part < parts.size(); part++) {
      long bytes = parts.get(part).byteCount();
      if (bytes > 0) {
        post.send(
            to,
            new Frame(Kind.COPY_PART, shard, 0, 0, 0, part, 0, bytes),
            Optional.of(parts.get(part)));
      }
    }
  }

  /** Where a part of a copy is to be put. */
  TensorBuffer target(int from, Frame frame) {
    if (frame.kind() == Kind.COPY) {
      if (frame.bytes() != 8L * ShardCopy.recordLength(store.workers())) {
        throw frame.unexpected(from, "a server, with " + frame.bytes() + " bytes");
      }
      Arriving before = arriving.put(frame.shard(), new Arriving(store.detached(frame.shard())));
      if (before != null) {
        before.close();
        before.copy.close();
      }
      return arriving.get(frame.shard()).record.of(frame.bytes());
    }
    Arriving copy = arriving.get(frame.shard());
    if (copy == null
        || frame.weight() < 0
        || frame.weight() >= copy.parts.size()
        || frame.bytes() != copy.parts.get((int) frame.weight()).byteCount()) {
      throw frame.unexpected(from, "a server that does not expect this part");
    }
    return copy.parts.get((int) frame.weight()).bytes();
  }

  /**
   * This server is about to say that it sends no more. Copies that still arrive are held; who sent
   * them listens no more, and no push waits for one any more.
   */
  void takeLeave() {
    leaving = true;
  }

  /** A part of a copy is there; the last makes this server hold it, in place of any it had. */
  void handle(int from, Frame frame) {
    Arriving copy = arriving.get(frame.shard());
    if (frame.kind() == Kind.COPY) {
      long[] record = new long[ShardCopy.recordLength(store.workers())];
      Room.view(copy.record.of(8L * record.length)).asLongBuffer().get(0, record);
      copy.parts = copy.copy.restore(record);
      copy.left = copy.parts.stream().filter(p -> p.count() > 0).count();
    } else {
      copy.left--;
    }
    if (copy.left == 0) {
      copy.copy.restored(copy.parts);
      store.put(copy.copy);
      arriving.remove(frame.shard()).close();
      if (!leaving) {
        post.send(from, frame.as(Kind.COPIED, 0), Optional.empty());
      }
    }
  }

  @Override
  public void close() {
    records.values().forEach(Room::close);
    arriving
        .values()
        .forEach(
            copy -> {
              copy.close();
              copy.copy.close();
            });
  }
}
