package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.plan.Directory.Holding;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Portions;
import dev.trireme.ps.shard.ShardCopy;
import dev.trireme.ps.shard.Staleness;
import dev.trireme.ps.shard.Wire;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Workers and servers in one thread, with a network and a fate drawn from a seed. */
final class SimulatedCluster implements AutoCloseable {
  private static final int SHARDS = 5;
  private static final int SHARD_ELEMENTS = 3;
  private static final int ELEMENTS = SHARDS * SHARD_ELEMENTS;
  private static final int MOST_SERVERS = 4;
  private static final int MOST_EVENTS = 200_000;

  private record Letter(int from, int to, Frame frame, Supplier<byte[]> payload, Runnable sent) {}

  /** A worker: pushes every shard, waits, pulls every shard, waits, and so on. */
  private final class Worker {
    final int number;
    final NativeMemory.Block slabs = NativeMemory.allocate(8L * ELEMENTS, 64);
    final TensorBuffer gradients = TensorBuffer.cpu(slabs.address(), DType.FLOAT32, ELEMENTS);
    final TensorBuffer values =
        TensorBuffer.cpu(slabs.address() + 4L * ELEMENTS, DType.FLOAT32, ELEMENTS);
    long applied;
    long next;
    boolean pushing;
    boolean early;
    boolean joining;
    boolean asking;
    final Incoming incoming;
    final Outgoing outgoing;
    ShardClient client;

    Worker(int number) {
      this.number = number;
      this.incoming = new Incoming(plan, values, List.of());
      this.outgoing = new Outgoing(plan, List.of(), gradients, Wire.FLOAT32);
    }

    boolean isDone() {
      return applied >= steps && !joining;
    }

    void join(long after) {
      applied = after;
      joining = true;
      asking = false;
      pushing = false;
      client =
          new ShardClient(
              number,
              workers.size(),
              plan,
              directory,
              (to, frame, payload, sent) -> send(number, to, frame, payload, sent),
              outgoing,
              incoming);
      client.pull(after);
    }

    void proceed() {
      if (isDone()) {
        return;
      }
      if (pushing && client.isPushed() && client.isStepped()) {
        pushing = false;
        if (whole) {
          wholeSteps++;
          long shown =
              SimulatedCluster.this.slabs.get(directory.places().get(0).primary()).address();
          NativeMemory.copy(shown, values.address(), values.byteCount());
        } else if (!early) {
          client.pull(next);
        }
      }
      if (!pushing && !asking && client.isPulled()) {
        applied = joining ? applied : next;
        joining = false;
        checkRead();
        if (applied < steps && deals()) {
          asking = true;
          client.askPortions(Portions.windowOf(applied + 1), applied + 1);
        } else if (applied < steps) {
          push(applied + 1, applied + 1);
        }
      } else if (asking && client.portions().isPresent()) {
        asking = false;
        checkPortions();
        Dealt dealt = new Dealt(number, workers.size(), (w, step) -> portions.get(w));
        dealt.comesTo(applied + 1);
        // After a death it goes on behind its last push, with what it has no part in.
        next = dealt.rests(applied + 1) ? dealt.until(applied + 1) : applied;
        if (next == applied) {
          push(applied + 1, dealt.until(applied + 1));
        } else {
          client.pull(next);
        }
      }
    }

    private boolean deals() {
      return !(consistency instanceof ConsistencySpec.Bsp);
    }

    /** Whoever asks for the parts of a window, whenever, is told the same. */
    private void checkPortions() {
      int[] told = client.portions().orElseThrow();
      int[] before = portions.putIfAbsent(Portions.windowOf(applied + 1), told);
      assertThat(before == null ? told : before).isEqualTo(told);
    }

    private void push(long step, long until) {
      pushing = true;
      next = until;
      rests += until - step;
      early = deals() && random.nextBoolean();
      FloatBuffer gradient = floats(gradients);
      for (int i = 0; i < ELEMENTS; i++) {
        gradient.put(i, gradient(number, step, i));
      }
      if (whole) {
        client.step(step, 1, 1);
        return;
      }
      // The first is slow, and so has no part in some steps.
      long nanos = 1 + random.nextInt(1000) + (number == 0 ? 4000 : 0);
      for (int shard = 0; shard < SHARDS; shard++) {
        client.push(shard, step, until, 1, 1, deals() ? nanos : 0);
        if (early) {
          client.pullBehindPush(shard, until);
        }
      }
    }

    /** Under bsp everybody reads the sum of all steps up to now, and nothing else. */
    private void checkRead() {
      if (!(consistency instanceof ConsistencySpec.Bsp bsp) || bsp.drop() > 0) {
        return;
      }
      for (int i = 0; i < ELEMENTS; i++) {
        float read = floats(values).get(i);
        boolean next = read == sum(applied + 1, i);
        assertThat(next || read == sum(applied, i))
            .as("worker %d after step %d reads %f of element %d", number, applied, read, i)
            .isTrue();
      }
    }
  }

  private final ConsistencySpec consistency;
  private final int backups;
  private final long steps;
  private final Random random;
  private final double fate;
  private final ShardPlan plan;
  private final List<Worker> workers = new ArrayList<>();
  private final List<ShardStore> stores = new ArrayList<>();
  private final List<NativeMemory.Block> slabs = new ArrayList<>();
  private final List<ShardStore> leaving = new ArrayList<>();
  private final List<ShardServer> servers = new ArrayList<>();
  private final Crew crew = new Crew(2);
  private final List<Letter> letters = new ArrayList<>();
  private final Staleness staleness = new Staleness();
  private final Map<Long, int[]> portions = new HashMap<>();
  private Directory directory = new Directory(0, List.of());
  private int kills;
  private int handOvers;
  private int scaled;
  private long rests;
  private boolean whole;
  private long wholeSteps;

  SimulatedCluster(
      ConsistencySpec consistency,
      int workerCount,
      int serverCount,
      int backups,
      long steps,
      Random random,
      double fate) {
    this.consistency = consistency;
    this.backups = backups;
    this.steps = steps;
    this.random = random;
    this.fate = fate;
    List<Shard> shards =
        IntStream.range(0, SHARDS)
            .mapToObj(i -> new Shard(i, (long) i * SHARD_ELEMENTS, SHARD_ELEMENTS))
            .toList();
    this.plan = new ShardPlan(List.of(0L), List.of(new ShardPlan.Size(ELEMENTS, 0)), shards);
    IntStream.range(0, workerCount).forEach(i -> workers.add(new Worker(i)));
    for (int server = 0; server < serverCount; server++) {
      stores.add(store());
      slabs.add(NativeMemory.allocate(4L * ELEMENTS, 64));
    }
    directory = Directory.decide(1, SHARDS, numbers(), backups, List.of());
    for (int shard = 0; shard < SHARDS; shard++) {
      for (int server : numbers()) {
        if (directory.holds(server, shard)) {
          stores.get(server).make(shard, 0);
        }
      }
    }
    form(directory);
    workers.forEach(w -> w.join(0));
  }

  private ShardStore store() {
    return new ShardStore(
        plan, new OptimizerSpec.Sgd(1, 0, false, 0), consistency, Wire.FLOAT32, workers.size(), 64);
  }

  private List<Integer> numbers() {
    return IntStream.range(0, stores.size()).boxed().toList();
  }

  int handOvers() {
    return handOvers + servers.stream().mapToInt(ShardServer::handedOver).sum();
  }

  /** Steps in which a worker had no part. */
  long rests() {
    return rests;
  }

  /** Steps that workers had as {@link WholeSteps}. */
  long wholeSteps() {
    return wholeSteps;
  }

  /** How often a server joined or left. */
  int scaled() {
    return scaled;
  }

  int kills() {
    return kills;
  }

  Staleness staleness() {
    return staleness;
  }

  private static FloatBuffer floats(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), (int) buffer.byteCount()).asFloatBuffer();
  }

  /** An integer that tells worker, step and element apart. */
  private static float gradient(int worker, long step, int element) {
    return (worker * 131 + step * 17 + element * 7) % 23 - 11;
  }

  private float sum(long upTo, int element) {
    float sum = 0;
    for (int worker = 0; worker < workers.size(); worker++) {
      for (long step = 1; step <= upTo; step++) {
        int[] parts = portions.get(Portions.windowOf(step));
        if (parts == null || !Portions.rests(parts, workers.size(), worker, step)) {
          sum -= gradient(worker, step, element);
        }
      }
    }
    return sum;
  }

  /** Values are read when they arrive, as in memory that is read in place. */
  private void send(int from, int to, Frame frame, Optional<TensorBuffer> payload, Runnable sent) {
    byte[] now = bytes(payload);
    boolean inPlace = frame.kind() == Frame.Kind.VALUES;
    letters.add(new Letter(from, to, frame, inPlace ? () -> bytes(payload) : () -> now, sent));
    boolean pushes = frame.kind() == Frame.Kind.PUSH || frame.kind() == Frame.Kind.STEP;
    if (pushes && random.nextInt(8) == 0) {
      letters.add(new Letter(from, to, frame, () -> now, () -> {}));
    }
  }

  private static byte[] bytes(Optional<TensorBuffer> payload) {
    byte[] copy = new byte[payload.map(p -> (int) p.byteCount()).orElse(0)];
    payload.ifPresent(p -> NativeMemory.read(p.address(), copy, 0, copy.length));
    return copy;
  }

  void run(String as) {
    for (int event = 0; !workers.stream().allMatch(Worker::isDone) || !letters.isEmpty(); event++) {
      assertThat(event).as(as + " comes to an end").isLessThan(MOST_EVENTS);
      if (random.nextDouble() < fate) {
        strike();
      }
      if (letters.isEmpty()) {
        workers.forEach(Worker::proceed);
        assertThat(letters.isEmpty() && !workers.stream().allMatch(Worker::isDone))
            .as(as + " is stuck: " + describe())
            .isFalse();
        continue;
      }
      deliver(letters.remove(next()));
    }
  }

  private String describe() {
    StringBuilder text = new StringBuilder("generation " + directory.generation());
    workers.forEach(
        w ->
            text.append("; worker " + w.number + " after " + w.applied)
                .append(w.joining ? " joining" : "")
                .append(w.pushing ? " pushing" : "")
                .append(" waits for " + w.client));
    primaries().forEach(c -> text.append("; ").append(Arrays.toString(c.record())));
    return text.toString();
  }

  /**
   * Any letter, but those between two servers in order, and a move behind what came before it:
   * their group promises as much.
   */
  private int next() {
    int index = random.nextInt(letters.size());
    Letter chosen = letters.get(index);
    boolean betweenServers = chosen.from() >= workers.size() && chosen.to() >= workers.size();
    if (betweenServers || chosen.frame().kind() == Frame.Kind.MOVED) {
      for (int i = 0; i < index; i++) {
        if (letters.get(i).from() == chosen.from() && letters.get(i).to() == chosen.to()) {
          return i;
        }
      }
    }
    return index;
  }

  private void deliver(Letter letter) {
    boolean toWorker = letter.to() < workers.size();
    Post.Receiver receiver =
        toWorker ? workers.get(letter.to()).client : servers.get(letter.to() - workers.size());
    byte[] payload = letter.payload().get();
    if (payload.length > 0) {
      TensorBuffer to = receiver.target(letter.from(), letter.frame());
      NativeMemory.write(payload, 0, payload.length, to.address());
    }
    letter.sent().run();
    receiver.handle(letter.from(), letter.frame());
    if (toWorker) {
      workers.get(letter.to()).proceed();
    }
  }

  /**
   * Kills a server, some workers, or both, or has a server join or leave; what was under way is
   * lost, and all form anew.
   */
  private void strike() {
    int what = random.nextInt(4);
    boolean allWorkers = random.nextInt(4) == 0;
    OptionalLong applied = workers.stream().mapToLong(w -> w.applied).max();
    if (what == 3) {
      scale();
    } else {
      kills++;
    }
    if (what == 1 || what == 2) {
      Worker dead = workers.get(random.nextInt(workers.size()));
      applied =
          workers.stream().filter(w -> w != dead && !allWorkers).mapToLong(w -> w.applied).max();
    }
    if ((what == 0 || what == 2) && backups > 0) {
      int dead = random.nextInt(stores.size());
      if (othersHoldAll(dead)) {
        stores.get(dead).close();
        stores.set(dead, store());
      }
    }
    letters.clear();
    List<Holding> holdings = new ArrayList<>();
    numbers().forEach(server -> holdings.addAll(stores.get(server).holdings(server)));
    assertThat(Directory.isWhole(SHARDS, holdings)).as("each shard has a copy").isTrue();
    form(Directory.decide(directory.generation() + 1, SHARDS, numbers(), backups, holdings));
    for (Worker worker : workers) {
      worker.join(resumeAt(worker.number, applied));
    }
  }

  /** A server joins, or the last one leaves, with whatever it holds. */
  private void scale() {
    int last = stores.size() - 1;
    if (random.nextBoolean() && last > backups && othersHoldAll(last)) {
      leaving.add(stores.remove(last));
      scaled++;
    } else if (stores.size() < MOST_SERVERS) {
      stores.add(store());
      slabs.add(NativeMemory.allocate(4L * ELEMENTS, 64));
      scaled++;
    }
  }

  /** Not so while a copy for a server that was replaced just before is on its way. */
  private boolean othersHoldAll(int dead) {
    List<Holding> holdings = new ArrayList<>();
    numbers().stream()
        .filter(server -> server != dead)
        .forEach(server -> holdings.addAll(stores.get(server).holdings(server)));
    return Directory.isWhole(SHARDS, holdings);
  }

  private long resumeAt(int worker, OptionalLong survivors) {
    if (consistency instanceof ConsistencySpec.Bsp) {
      return survivors.orElseGet(
          () -> primaries().stream().mapToLong(c -> c.clocks().applied()).min().orElseThrow());
    }
    return primaries().stream().mapToLong(c -> c.clocks().lastPush(worker)).min().orElseThrow();
  }

  /** Where the directory says, or where they have been handed over to since. */
  private List<ShardCopy> primaries() {
    return IntStream.range(0, SHARDS).mapToObj(this::primary).toList();
  }

  private ShardCopy primary(int shard) {
    return numbers().stream()
        .filter(
            server ->
                stores.get(server).holdings(server).stream()
                    .anyMatch(h -> h.shard() == shard && h.primary()))
        .findFirst()
        .flatMap(server -> stores.get(server).copy(shard))
        .orElseThrow();
  }

  private void form(Directory next) {
    servers.forEach(s -> handOvers += s.handedOver());
    servers.forEach(ShardServer::close);
    servers.clear();
    leaving.forEach(ShardStore::close);
    leaving.clear();
    directory = next;
    whole = WholeSteps.isFor(directory, plan, consistency, Wire.FLOAT32);
    for (int server : numbers()) {
      stores.get(server).follow(directory, server);
      int rank = workers.size() + server;
      servers.add(
          new ShardServer(
              server,
              stores.get(server),
              directory,
              (to, frame, payload, sent) -> send(rank, to, frame, payload, sent),
              backups > 0,
              slabs.get(server).buffer(DType.FLOAT32, ELEMENTS),
              staleness,
              whole
                  ? Optional.of(workers.stream().map(w -> w.gradients).toList())
                  : Optional.empty(),
              crew));
    }
    List<Integer> toCopy =
        IntStream.range(0, SHARDS)
            .filter(s -> directory.places().get(s).backup().isPresent())
            .filter(s -> lacks(directory.places().get(s), s))
            .boxed()
            .toList();
    servers.forEach(s -> s.begin(toCopy, directory.handOvers(stores.size())));
  }

  /** Whether a backup is to be made anew, see {@link Gathering#mayDiffer}. */
  private boolean lacks(Directory.Place place, int shard) {
    ShardCopy primary = stores.get(place.primary()).copy(shard).orElseThrow();
    Optional<ShardCopy> backup = stores.get(place.backup().getAsInt()).copy(shard);
    return Gathering.mayDiffer(consistency, shard)
        || backup.isEmpty()
        || !Arrays.equals(primary.clocks().state(), backup.get().clocks().state());
  }

  void checkSums(String as) {
    for (ShardCopy copy : primaries()) {
      for (int i = 0; i < SHARD_ELEMENTS; i++) {
        int element = copy.shard().index() * SHARD_ELEMENTS + i;
        assertThat(floats(copy.values()).get(i))
            .as(as + ", element " + element)
            .isEqualTo(sum(steps, element));
      }
    }
  }

  void checkBackups(String as) {
    for (int shard = 0; shard < SHARDS; shard++) {
      Directory.Place place = directory.places().get(shard);
      ShardCopy primary = stores.get(place.primary()).copy(shard).orElseThrow();
      if (place.backup().isPresent()) {
        ShardCopy backup = stores.get(place.backup().getAsInt()).copy(shard).orElseThrow();
        for (int i = 0; i < SHARD_ELEMENTS; i++) {
          assertThat(floats(backup.values()).get(i))
              .as(as + ", backup of shard " + shard)
              .isEqualTo(floats(primary.values()).get(i));
        }
      }
    }
  }

  @Override
  public void close() {
    servers.forEach(ShardServer::close);
    crew.close();
    stores.forEach(ShardStore::close);
    slabs.forEach(NativeMemory.Block::close);
    workers.forEach(
        w -> {
          w.slabs.close();
          w.incoming.close();
          w.outgoing.close();
        });
  }
}
