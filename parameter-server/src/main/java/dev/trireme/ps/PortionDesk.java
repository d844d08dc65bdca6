package dev.trireme.ps;

import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.shard.Portions;
import dev.trireme.ps.shard.Room;
import dev.trireme.ps.shard.ShardCopy;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Where workers ask for their parts of batches. The first who asks for a window of steps has its
 * parts fixed, by the primary of the first shard and its backup before anybody is told: so whoever
 * comes later, also after a death, is told the same.
 *
 * <pre>
 *   worker                primary              backup
 *     | PORTIONS -------->| PORTIONS_FIX ------>|
 *     |<----- PORTIONS_ARE |<---- PORTIONS_FIXED |
 * </pre>
 *
 * <p>Threading: one thread.
 */
final class PortionDesk implements AutoCloseable {
  /** Parts that the backup has yet to fix, and who waits for them. */
  private record Pending(int[] bounds, List<Integer> askers) {}

  private final int workers;
  private final Post post;
  private final Room incoming = new Room();
  private final Map<Long, Pending> pending = new HashMap<>();
  private final Map<Long, Room> outgoing = new HashMap<>();

  PortionDesk(int workers, Post post) {
    this.workers = workers;
    this.post = post;
  }

  /** Where the payload of a {@link Kind#PORTIONS_FIX} is to be put. */
  TensorBuffer target(Frame frame) {
    return incoming.of(frame.bytes());
  }

  /** A worker asks the primary. */
  void asked(ShardCopy copy, Frame frame, OptionalInt backup) {
    Portions portions = copy.portions();
    long window = frame.step();
    Optional<int[]> fixed = portions.of(window);
    if (fixed.isPresent()) {
      tell(frame.worker(), frame, fixed.get());
    } else if (pending.containsKey(window)) {
      pending.get(window).askers().add(frame.worker());
    } else {
      boolean whole = (frame.weight() - 1) % Portions.WINDOW == 0;
      int[] bounds = portions.decide(copy.clocks().clocks(), whole);
      if (backup.isPresent()) {
        pending.put(window, new Pending(bounds, new ArrayList<>(List.of(frame.worker()))));
        post.send(
            workers + backup.getAsInt(),
            frame.as(Kind.PORTIONS_FIX, 4L * bounds.length),
            Optional.of(message(window, bounds)));
      } else {
        portions.fix(window, bounds);
        tell(frame.worker(), frame, bounds);
      }
    }
    forget(copy);
  }

  /** The primary tells its backup. */
  void fix(int from, ShardCopy copy, Frame frame) {
    IntBuffer numbers = Room.view(incoming.of(frame.bytes())).asIntBuffer();
    int[] bounds = new int[numbers.remaining()];
    numbers.get(bounds);
    try {
      copy.portions().fix(frame.step(), bounds);
    } catch (IllegalArgumentException e) {
      throw frame.unexpected(from, "a server: " + e.getMessage());
    }
    forget(copy);
    post.send(from, frame.as(Kind.PORTIONS_FIXED, 0), Optional.empty());
  }

  /** The backup has fixed them. */
  void fixed(ShardCopy copy, Frame frame) {
    Pending parts = pending.remove(frame.step());
    copy.portions().fix(frame.step(), parts.bounds());
    parts.askers().forEach(worker -> tell(worker, frame, parts.bounds()));
  }

  /** A worker goes on after a step that all shards hold, so nobody asks for much older windows. */
  private void forget(ShardCopy copy) {
    long oldest = Portions.windowOf(Math.max(1, copy.clocks().applied())) - 1;
    copy.portions().forgetBefore(oldest);
    for (long window : List.copyOf(outgoing.keySet())) {
      if (window < oldest) {
        outgoing.remove(window).close();
      }
    }
  }

  private void tell(int worker, Frame about, int[] bounds) {
    post.send(
        worker,
        Frame.about(Kind.PORTIONS_ARE, about.shard(), worker, about.step())
            .as(Kind.PORTIONS_ARE, 4L * bounds.length),
        Optional.of(message(about.step(), bounds)));
  }

  /** The same bytes for all who ask, so that one message is no danger to another under way. */
  private TensorBuffer message(long window, int[] bounds) {
    TensorBuffer message = outgoing.computeIfAbsent(window, w -> new Room()).of(4L * bounds.length);
    Room.view(message).asIntBuffer().put(0, bounds);
    return message;
  }

  @Override
  public void close() {
    incoming.close();
    outgoing.values().forEach(Room::close);
  }
}
