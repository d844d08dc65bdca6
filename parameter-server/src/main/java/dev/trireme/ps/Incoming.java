package dev.trireme.ps;

import dev.trireme.api.engine.Parameter;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Room;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a worker pulls: values in a slab of their own until {@link #take} puts them into the model,
 * and the optimizer's slots. Of tables come whole shards, or the rows that were asked for.
 *
 * <p>Threading: one thread.
 */
final class Incoming implements AutoCloseable {
  private final Optional<NativeMemory.Block> memory;
  private final ShardPlan plan;
  private final TensorBuffer values;
  private TensorBuffer source;
  private final List<TensorBuffer> slots;
  private final List<Room> wishes = new ArrayList<>();
  private final List<Room> rooms = new ArrayList<>();
  private final List<int[]> asked = new ArrayList<>();
  private Rows fresh = Rows.NONE;
  private boolean whole;
  private boolean rowsAlone;

  /**
   * @param values a slab of all parameters
   * @param slots slabs, one for each slot of the optimizer
   */
  Incoming(ShardPlan plan, TensorBuffer values, List<TensorBuffer> slots) {
    this(plan, values, slots, Optional.empty());
  }

  private Incoming(
      ShardPlan plan,
      TensorBuffer values,
      List<TensorBuffer> slots,
      Optional<NativeMemory.Block> memory) {
    this.memory = memory;
    this.plan = plan;
    this.values = values;
    this.source = values;
    this.slots = List.copyOf(slots);
    plan.shards()
        .forEach(
            s -> {
              wishes.add(new Room());
              rooms.add(new Room());
              asked.add(new int[0]);
            });
  }

  /** With slabs of its own. */
  static Incoming of(ShardPlan plan, int slotCount) {
    NativeMemory.Block memory = NativeMemory.allocate(4 * plan.elements() * (1 + slotCount), 64);
    List<TensorBuffer> slabs = new ArrayList<>();
    for (int i = 0; i <= slotCount; i++) {
      long at = memory.address() + 4 * plan.elements() * i;
      slabs.add(TensorBuffer.cpu(at, DType.FLOAT32, plan.elements()));
    }
    return new Incoming(plan, slabs.get(0), slabs.subList(1, slabs.size()), Optional.of(memory));
  }

  /** Everything is about to be asked for. */
  void expectAll() {
    rowsAlone = false;
    source = values;
  }

  /** All of it stands in another's memory, whence {@link #take} puts it into the model. */
  void shown(TensorBuffer all) {
    rowsAlone = false;
    source = all;
  }

  /** Of the tables only these rows are about to be asked for. */
  void expect(Rows rows) {
    rowsAlone = true;
    source = values;
    for (Shard shard : plan.shards()) {
      if (shard.isTable()) {
        asked.set(shard.index(), rows.within(shard));
      }
    }
  }

  /** Whether of this shard only {@link #rows} are wanted. */
  boolean inRows(Shard shard) {
    return rowsAlone && shard.isTable();
  }

  /** The rows that are wanted of a shard, counted within it. */
  int[] rows(Shard shard) {
    return asked.get(shard.index());
  }

  /** As a message, which stays so until they have come. */
  TensorBuffer wish(Shard shard) {
    int[] rows = rows(shard);
    TensorBuffer wish = wishes.get(shard.index()).of(4L * rows.length);
    Room.view(wish).asIntBuffer().put(0, rows);
    return wish;
  }

  /** Bytes that an answer has. */
  long bytes(Shard shard) {
    return inRows(shard) ? 4L * rows(shard).length * shard.width() : 4 * shard.count();
  }

  /** Where an answer is to be put. */
  TensorBuffer target(Shard shard) {
    return inRows(shard)
        ? rooms.get(shard.index()).of(bytes(shard))
        : values.slice(shard.from(), shard.count());
  }

  /** It is there. */
  void arrived(Shard shard) {
    if (inRows(shard)) {
      long bytes = 4L * shard.width();
      long from = rooms.get(shard.index()).of(bytes(shard)).address();
      long to = values.address() + 4 * shard.from();
      int[] rows = rows(shard);
      for (int i = 0; i < rows.length; i++) {
        NativeMemory.copy(from + i * bytes, to + rows[i] * bytes, bytes);
      }
    }
  }

  List<TensorBuffer> slots() {
    return slots;
  }

  private TensorBuffer slice(TensorBuffer slab, int parameter) {
    return slab.slice(plan.offsets().get(parameter), plan.sizes().get(parameter).count());
  }

  /** A slot of a parameter, once it has come. */
  TensorBuffer slot(int slot, int parameter) {
    return slice(slots.get(slot), parameter);
  }

  /**
   * Puts what was pulled last into the model.
   *
   * @param rows of the tables that were asked for; not used where all was
   */
  void take(List<Parameter> parameters, Rows rows) {
    for (Parameter parameter : parameters) {
      int width = plan.sizes().get(parameter.index()).width();
      TensorBuffer from = slice(source, parameter.index());
      TensorBuffer to = parameter.tensor().data();
      if (width == 0 || !rowsAlone) {
        NativeMemory.copy(from.address(), to.address(), from.byteCount());
      } else {
        takeRows(from, to, width, rows);
      }
    }
    whole = !rowsAlone || !plan.hasTables();
    fresh = rows;
  }

  /** The same of rows that were pulled besides, after the same step. */
  void takeMore(List<Parameter> parameters, Rows rows) {
    for (Parameter parameter : parameters) {
      int width = plan.sizes().get(parameter.index()).width();
      if (width > 0) {
        takeRows(slice(values, parameter.index()), parameter.tensor().data(), width, rows);
      }
    }
    fresh = fresh.and(rows);
  }

  private static void takeRows(TensorBuffer from, TensorBuffer to, int width, Rows rows) {
    long bytes = 4L * width;
    for (int row : rows.numbers()) {
      NativeMemory.copy(from.address() + row * bytes, to.address() + row * bytes, bytes);
    }
  }

  /** Whether the model holds the newest values of these rows. */
  boolean holds(Rows rows) {
    return whole || fresh.containsAll(rows);
  }

  /** Whether it holds those of all. */
  boolean holdsAll() {
    return whole;
  }

  @Override
  public void close() {
    wishes.forEach(Room::close);
    rooms.forEach(Room::close);
    memory.ifPresent(NativeMemory.Block::close);
  }
}
