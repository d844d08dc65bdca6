package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Wire;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a worker says to servers, message by message. */
class ShardClientTest {
  private final ShardPlan plan = ShardPlan.of(List.of(new ShardPlan.Size(100_000, 0)), 2);
  private final Directory directory =
      Directory.decide(1, plan.shards().size(), List.of(0, 1), 0, List.of());
  private final List<Kind> said = new ArrayList<>();

  @Test
  void shouldSayToTheNewPrimaryOfAShardThatItHasLeft() {
    finish(false);
    assertThat(said).containsExactly(Kind.LEAVE);
  }

  /** A server that has heard BYE hears nothing more: whatever is said then waits in vain. */
  @Test
  void shouldSayNothingBehindItsBye() {
    finish(true);
    assertThat(said).isEmpty();
  }

  /** A shard moves, while the worker waits for others or when it has said goodbye. */
  private void finish(boolean bye) {
    try (NativeMemory.Block slab = NativeMemory.allocate(4 * plan.elements(), 64);
        Outgoing outgoing =
            new Outgoing(
                plan, List.of(), slab.buffer(DType.FLOAT32, plan.elements()), Wire.FLOAT32);
        Incoming incoming = Incoming.of(plan, 0);
        ShardClient client =
            new ShardClient(
                0,
                2,
                plan,
                directory,
                (to, frame, payload, sent) -> said.add(frame.kind()),
                outgoing,
                incoming)) {
      client.leave();
      if (bye) {
        client.bye(2);
      }
      said.clear();
      client.handle(2, new Frame(Kind.MOVED, 1, 0, 0, 0, 1, 0, 0));
    }
  }
}
