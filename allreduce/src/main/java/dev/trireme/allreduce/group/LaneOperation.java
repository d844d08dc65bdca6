package dev.trireme.allreduce.group;

import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.allreduce.plan.Lanes;
import dev.trireme.allreduce.plan.Step;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;

/**
 * A collective that follows a plan in lanes: whatever does not fit into {@link PlannedOperation},
 * which is for ranks of one host that work in place on each other's buffers. Messages go straight
 * from the input to the transport, and from where the transport received them into the output.
 */
final class LaneOperation extends Operation {
  /** What a lane does before the others have their turn and an abort is seen. */
  private static final int PIECE_BYTES = 256 << 10;

  private final SharedGroup group;
  private final TensorBuffer input;
  private final TensorBuffer output;
  private final Reduction reduction;
  private final Function<Lanes.Setting, Lanes> planner;
  private final long place;
  private final int width;
  private final int[] marks = new int[Lanes.GATES];
  private final long[][] sent;
  private final long[][] received;
  private long[] base = new long[0];
  private Lane[] lanes = new Lane[0];
  private long bytesDone;

  /** A list of steps, and how far it has come. */
  private static final class Lane {
    private final List<Step> steps;
    private int position;
    private long bytes;

    Lane(List<Step> steps) {
      this.steps = steps;
    }

    boolean through() {
      return position == steps.size();
    }

    Step step() {
      return steps.get(position);
    }

    void next() {
      position++;
      bytes = 0;
    }
  }

  /**
   * @param reduction null where nothing is reduced
   * @param planner called once every rank has started the operation
   */
  LaneOperation(
      SharedGroup group,
      Signature signature,
      TensorBuffer input,
      TensorBuffer output,
      Reduction reduction,
      Function<Lanes.Setting, Lanes> planner) {
    super(group.sequencer(), signature, input, output);
    this.group = group;
    this.input = input;
    this.output = output;
    this.reduction = reduction;
    this.planner = planner;
    this.place = group.memory().place(input);
    this.width = input.dtype().bytes();
    this.sent = new long[group.worldSize()][Lanes.PHASES];
    this.received = new long[group.worldSize()][Lanes.PHASES];
  }

  /** Yes, unless one of them uses the same memory. */
  @Override
  boolean announcedBefore(Collection<Operation> earlier) {
    return isApartFrom(earlier);
  }

  @Override
  long place() {
    return place;
  }

  @Override
  void begin() {
    base = new long[group.worldSize()];
    for (int peer = 0; peer < base.length; peer++) {
      long at = placeOf(peer);
      boolean here = group.hosts().together(peer, group.rank());
      base[peer] = at == 0 || !here ? 0 : group.memory().address(peer, at);
    }
    Lanes.Setting setting =
        new Lanes.Setting(
            group.rank(), group.hosts(), peer -> placeOf(peer) != 0, group.segmentBytes() / width);
    List<Lane> each = new ArrayList<>();
    planner.apply(setting).all().forEach(steps -> each.add(new Lane(steps)));
    lanes = each.toArray(Lane[]::new);
  }

  @Override
  boolean inPlace() {
    for (int peer = 0; peer < base.length; peer++) {
      if (peer != group.rank() && base[peer] != 0) {
        return true;
      }
    }
    return false;
  }

  private long placeOf(int rank) {
    return rank == group.rank() ? place : group.peers().get(rank).where(number());
  }

  @Override
  Outcome advance() {
    boolean moved = false;
    boolean through = true;
    for (Lane lane : lanes) {
      long budget = PIECE_BYTES;
      while (budget > 0 && !lane.through()) {
        long cost = step(lane);
        if (cost < 0) {
          break;
        }
        budget -= cost;
        moved = true;
      }
      through &= lane.through();
    }
    if (through) {
      group.parcels().takeBack();
      return Outcome.DONE;
    }
    return moved ? Outcome.MOVED : Outcome.WAITING;
  }

  /** Moves a lane on by some of its step; says how many bytes that was, or -1 when it must wait. */
  private long step(Lane lane) {
    Step step = lane.step();
    if (step instanceof Step.Send send) {
      return send(lane, send);
    }
    if (step instanceof Step.Receive receive) {
      return next(lane, receive.count() == 0);
    }
    if (step instanceof Step.Work work) {
      return work(lane, work);
    }
    if (step instanceof Step.Mark mark) {
      marks[mark.gate()]++;
      return next(lane, true);
    }
    if (step instanceof Step.Pass pass) {
      return next(lane, marks[pass.gate()] >= pass.marks());
    }
    if (step instanceof Step.Tell tell) {
      return next(lane, group.peers().tell(tell.peer(), number(), tell.stage()));
    }
    Step.Await await = (Step.Await) step;
    return next(lane, group.peers().get(await.peer()).hasReached(number(), await.stage()));
  }

  private static long next(Lane lane, boolean passes) {
    if (passes) {
      lane.next();
      return 0;
    }
    return -1;
  }

  private long send(Lane lane, Step.Send send) {
    long left = send.count() * width - lane.bytes;
    if (left == 0) {
      lane.next();
      return 0;
    }
    long[] counter = sent[send.peer()];
    int taken =
        group
            .parcels()
            .lend(
                send.peer(),
                send.phase(),
                number(),
                counter[send.phase()],
                input.address() + send.from() * width + lane.bytes,
                left);
    if (taken == 0) {
      return -1;
    }
    counter[send.phase()] += taken;
    lane.bytes += taken;
    bytesDone += taken;
    if (taken == left) {
      lane.next();
    }
    return taken;
  }

  @Override
  boolean take(int from, int phase, long offset, long address, int bytes) {
    Lane lane = awaiting(from, phase);
    if (lane == null) {
      return false;
    }
    receive(lane, (Step.Receive) lane.step(), offset, address, bytes);
    return true;
  }

  @Override
  long place(int from, int phase, long offset, int bytes) {
    Lane lane = awaiting(from, phase);
    if (lane == null
        || !(lane.step() instanceof Step.Receive receive)
        || receive.reduce()
        || offset != received[from][phase]
        || bytes > receive.count() * width - lane.bytes) {
      return 0;
    }
    return output.address() + receive.from() * width + lane.bytes;
  }

  /** The lane that wants what a peer sends in a phase, or null while none does. */
  private Lane awaiting(int from, int phase) {
    for (Lane lane : lanes) {
      if (!lane.through()
          && lane.step() instanceof Step.Receive receive
          && receive.peer() == from
          && receive.phase() == phase
          && receive.count() > 0) {
        return lane;
      }
    }
    return null;
  }

  private void receive(Lane lane, Step.Receive receive, long offset, long address, int bytes) {
    long expected = received[receive.peer()][receive.phase()];
    if (offset != expected || bytes > receive.count() * width - lane.bytes || bytes % width != 0) {
      throw new CollectiveException(
          Cause.MISMATCH,
          receive.peer(),
          "generation "
              + group.generation()
              + ": rank "
              + receive.peer()
              + " sent "
              + bytes
              + " bytes from "
              + offset
              + " for "
              + this
              + ", expected them from "
              + expected);
    }
    received[receive.peer()][receive.phase()] += bytes;
    long to = output.address() + receive.from() * width + lane.bytes;
    if (receive.reduce()) {
      reduction.combine(to, address, bytes / width);
    } else if (address != to) {
      NativeMemory.copy(address, to, bytes);
    }
    bytesDone += bytes;
    lane.bytes += bytes;
    if (lane.bytes == receive.count() * width) {
      lane.next();
      goOn(lane);
    }
  }

  /** Does at once what stands between this message and the next that this lane wants. */
  private void goOn(Lane lane) {
    boolean goesOn = true;
    while (goesOn && !lane.through()) {
      Step step = lane.step();
      goesOn = (step instanceof Step.Finish || step instanceof Step.Mark) && step(lane) >= 0;
    }
  }

  private long work(Lane lane, Step.Work work) {
    long bytes = Math.min(PIECE_BYTES, work.count() * width - lane.bytes);
    long to = output.address() + work.from() * width + lane.bytes;
    if (work instanceof Step.Fetch fetch) {
      long from = base[fetch.peer()] + fetch.peerFrom() * width + lane.bytes;
      if (fetch.reduce()) {
        reduction.combine(to, from, bytes / width);
      } else {
        NativeMemory.copy(from, to, bytes);
      }
    } else if (work instanceof Step.Take take) {
      NativeMemory.copy(input.address() + take.inputFrom() * width + lane.bytes, to, bytes);
    } else if (work instanceof Step.Finish) {
      reduction.finish(to, bytes / width, base.length);
    } else if (work instanceof Step.Spread spread) {
      for (int peer : spread.peers()) {
        NativeMemory.copy(to, base[peer] + work.from() * width + lane.bytes, bytes);
      }
    } else {
      throw new IllegalStateException(work + " is not for lanes");
    }
    bytesDone += bytes;
    lane.bytes += bytes;
    if (lane.bytes == work.count() * width) {
      lane.next();
    }
    return bytes;
  }

  @Override
  long bytesDone() {
    return bytesDone;
  }

  /** Of the lane that is farthest behind: they go on side by side. */
  @Override
  int stage() {
    int least = 0;
    for (Lane lane : lanes) {
      least = lane == lanes[0] ? lane.position : Math.min(least, lane.position);
    }
    return least;
  }

  @Override
  String done() {
    return bytesDone + " bytes done for a buffer of " + output.byteCount();
  }

  @Override
  int awaited() {
    for (Lane lane : lanes) {
      if (!lane.through()) {
        Step step = lane.step();
        if (step instanceof Step.Receive receive) {
          return receive.peer();
        } else if (step instanceof Step.Await await) {
          return await.peer();
        }
      }
    }
    for (Lane lane : lanes) {
      if (!lane.through() && lane.step() instanceof Step.Send send) {
        return send.peer();
      }
    }
    return -1;
  }
}
