package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.train.LearningRate;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StateLostException;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/** A job's workers and servers as threads, in one formation after the other. */
final class TestFormation implements AutoCloseable {
  /** What a worker is asked after each step. */
  interface AfterStep {
    void done(int worker, long step, StepTotals totals);
  }

  private JobSpec job;
  private final long steps;
  private final List<ToyReplica> replicas = new ArrayList<>();
  private final List<ParameterServer> servers = new ArrayList<>();
  private final Map<Integer, Map<String, Double>> figures = new ConcurrentHashMap<>();
  private final List<ServedFigures> processes = new ArrayList<>();
  private final long[] applied;
  private final List<byte[]> initial;
  private Optional<Saved> saved = Optional.empty();
  private long savingEvery = Long.MAX_VALUE;
  private volatile AfterStep afterStep = (worker, step, totals) -> {};
  private BiPredicate<Integer, Long> stopping = (worker, step) -> false;
  private Optional<Hosts> hosts = Optional.empty();
  private volatile IntConsumer formed = worker -> {};
  private boolean stateLost;
  private boolean integers;
  private boolean saving = true;
  private Progress first = Progress.START;

  /** Where the batch after each step begins, as who trained the step found it in the data. */
  private final Map<Long, Cursor> cursors = new ConcurrentHashMap<>();

  /** What a checkpoint holds. */
  private record Saved(long step, List<byte[]> state) {}

  TestFormation(JobSpec job, long steps) {
    // As a rank is given it, with a device that was decided on.
    this.job = job.on(ParallelSpec.DeviceKind.CPU);
    this.steps = steps;
    this.applied = new long[job.parallel().workers().max()];
    for (int worker = 0; worker < applied.length; worker++) {
      replicas.add(new ToyReplica(worker, job.train().optimizer()));
      processes.add(new ServedFigures());
    }
    initial = replicas.get(0).state();
    for (int server = 0; server < job.parallel().servers(); server++) {
      servers.add(new ParameterServer(job));
    }
  }

  TestFormation withIntegers() {
    integers = true;
    return this;
  }

  /** Begins there, as a run that is resumed from another's checkpoint. */
  TestFormation beginningAt(Progress progress) {
    first = progress;
    return this;
  }

  /** Spreads workers, and then servers, over hosts. */
  TestFormation on(Hosts all) {
    hosts = Optional.of(all);
    return this;
  }

  /** Says whether a worker has been asked to stop when it is at a step. */
  TestFormation stopping(BiPredicate<Integer, Long> asked) {
    stopping = asked;
    return this;
  }

  /** Saves after every so many steps, too; that is gone back to when the state is lost. */
  TestFormation savingEvery(long count) {
    savingEvery = count;
    CheckpointSpec saves =
        new CheckpointSpec(Optional.of(count), 3, Optional.empty(), Optional.empty());
    job =
        new JobSpec(
            job.name(),
            job.model(),
            job.program(),
            job.data(),
            job.train(),
            job.parallel(),
            saves,
            job.failurePolicy(),
            job.queue());
    return this;
  }

  /** Ends without the checkpoint that otherwise comes last. */
  TestFormation withoutSaving() {
    saving = false;
    return this;
  }

  /** Told each worker that has entered a formation, and is about to begin a step. */
  TestFormation afterForming(IntConsumer listener) {
    formed = listener;
    return this;
  }

  TestFormation afterEachStep(AfterStep listener) {
    afterStep = listener;
    return this;
  }

  /** What a worker's exchange said at its end. */
  Map<String, Double> figures(int worker) {
    return figures.get(worker);
  }

  List<ToyReplica> replicas() {
    return replicas;
  }

  List<ParameterServer> servers() {
    return servers;
  }

  long applied(int worker) {
    synchronized (applied) {
      return applied[worker];
    }
  }

  /** The groups of a formation, and how to break it. */
  record Groups(InProcessGroups all, InProcessGroups workers) {
    void lose(int rank, int workerCount) {
      all.lose(rank);
      if (rank < workerCount && workerCount > 1) {
        workers.lose(rank);
      }
    }
  }

  /**
   * Runs until all have ended or the formation broke.
   *
   * @param whileRunning given the groups once all have begun
   * @return whether it ended well
   */
  boolean run(Consumer<Groups> whileRunning) throws Exception {
    int workers = applied.length;
    Hosts spread = hosts.orElse(Hosts.one(workers + servers.size()));
    try (InProcessGroups all =
            InProcessGroups.create(spread, InProcessGroups.TIMEOUT, Optional.empty());
        InProcessGroups among = InProcessGroups.create(workers)) {
      List<CompletableFuture<Void>> ends = new ArrayList<>();
      Start start = begin();
      for (int worker = 0; worker < workers; worker++) {
        int number = worker;
        ends.add(
            thread(
                "worker-" + worker,
                () -> work(number, among.group(number), all.group(number), start)));
      }
      for (int server = 0; server < servers.size(); server++) {
        ParameterServer mine = servers.get(server);
        ProcessGroup group = all.group(workers + server);
        ends.add(thread("server-" + server, () -> mine.serve(group, step -> {})));
      }
      // The first to fail takes both groups down, as the coordinator does when a rank parks.
      ends.forEach(
          end ->
              end.exceptionally(
                  e -> {
                    all.groups().forEach(g -> g.abort("another has failed"));
                    among.groups().forEach(g -> g.abort("another has failed"));
                    return null;
                  }));
      whileRunning.accept(new Groups(all, among));
      boolean well = true;
      List<Throwable> bugs = Collections.synchronizedList(new ArrayList<>());
      for (CompletableFuture<Void> end : ends) {
        try {
          end.get(120, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
          well = false;
          boolean lost = e.getCause() instanceof StateLostException;
          stateLost |= lost;
          boolean broken =
              e.getCause() instanceof CollectiveException c
                  && c.reason() != CollectiveException.Cause.MISMATCH;
          if (!broken && !(lost && savingEvery < Long.MAX_VALUE)) {
            bugs.add(e.getCause());
          }
        } catch (TimeoutException e) {
          throw new AssertionError("a worker or server did not come back", e);
        }
      }
      if (!bugs.isEmpty()) {
        throw new AssertionError("failed otherwise than by a broken group", bugs.get(0));
      }
      return well;
    }
  }

  private static CompletableFuture<Void> thread(String name, Runnable task) {
    CompletableFuture<Void> end = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
                end.complete(null);
              } catch (Throwable e) {
                end.completeExceptionally(e);
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
    return end;
  }

  /** What a formation begins with. */
  private record Start(Progress progress, boolean survived, long held) {}

  /**
   * As in a job: the first of those that have come furthest gives its state to all; where none has
   * any, that is of the last checkpoint.
   */
  private Start begin() {
    synchronized (applied) {
      if (stateLost) {
        Arrays.fill(applied, 0);
        stateLost = false;
        for (int worker = 0; worker < applied.length; worker++) {
          // No process goes on with what it has lost.
          processes.set(worker, new ServedFigures());
          replicas.get(worker).close();
          replicas.set(worker, new ToyReplica(worker, job.train().optimizer()));
        }
      }
      int root = 0;
      for (int worker = 1; worker < applied.length; worker++) {
        root = applied[worker] > applied[root] ? worker : root;
      }
      long step = applied[root];
      long held = step > 0 ? processes.get(root).mark().of(step).ordinal() : 0;
      List<byte[]> state = replicas.get(root).state();
      boolean survived = step > 0;
      if (!survived) {
        step = saved.map(Saved::step).orElse(first.step());
        state = saved.map(Saved::state).orElse(initial);
      }
      for (int worker = 0; worker < applied.length; worker++) {
        if (worker != root || !survived) {
          processes.get(worker).mark().clear();
          replicas.get(worker).state(state);
          applied[worker] = applied[worker] == step ? step : 0;
        }
      }
      cursors.putIfAbsent(first.step(), first.cursor());
      return new Start(new Progress(step, cursors.get(step)), survived, held);
    }
  }

  private void save(int worker, long step) {
    if (worker == 0) {
      synchronized (applied) {
        saved = Optional.of(new Saved(step, replicas.get(0).state()));
      }
    }
  }

  /** A batch ends with its epoch. */
  private Cursor behind(Cursor cursor) {
    long end = cursor.position() + job.data().batchSize();
    return end < TestJobs.ITEMS
        ? new Cursor(cursor.epoch(), end)
        : new Cursor(cursor.epoch() + 1, 0);
  }

  /** A step is trained on one batch, whoever trains it, and in whatever formation. */
  private void requireSame(Progress progress) {
    Cursor before = cursors.putIfAbsent(progress.step(), progress.cursor());
    if (before != null && !before.equals(progress.cursor())) {
      throw new AssertionError(
          "expected " + before + " after step " + progress.step() + ", found " + progress.cursor());
    }
  }

  private void work(int worker, ProcessGroup among, ProcessGroup all, Start start) {
    ToyReplica replica = replicas.get(worker);
    replica.integers = integers;
    LearningRate rate =
        new LearningRate(job.train().optimizer().lr(), job.train().schedule(), 0, steps);
    try (ServedExchange exchange =
        new ServedExchange(among, all, replica, job, rate, TestJobs.ITEMS, processes.get(worker))) {
      ServedReplica served = new ServedReplica(replica, exchange);
      Random random = new Random(worker);
      Progress progress = exchange.formed(start.progress(), start.survived(), start.held());
      requireSame(progress);
      synchronized (applied) {
        applied[worker] = progress.step();
      }
      formed.accept(worker);
      while (progress.step() < steps) {
        long step = progress.step() + 1;
        replica.step(step);
        exchange.part(0, 1);
        Loss loss = served.forward(replica.batch(step), 0);
        exchange.begin(step, new StepSignals(loss, stopping.test(worker, step), false));
        served.backward(exchange);
        if (step % 3 > 0) {
          // Else its rows are asked for when they are needed.
          served.prepare(replica.batch(step + 1));
        }
        StepTotals totals = exchange.await();
        served.optimize(rate.at(step));
        progress = progress.next(behind(progress.cursor()));
        requireSame(progress);
        synchronized (applied) {
          applied[worker] = step;
        }
        afterStep.done(worker, step, totals);
        if (step % savingEvery == 0) {
          exchange.saving(progress);
          save(worker, step);
        }
        if (totals.stop()) {
          break;
        }
        if (random.nextInt(4) == worker) {
          Thread.yield();
        }
      }
      if (saving) {
        exchange.saving(progress);
      }
      exchange.finishing(progress);
      figures.put(worker, exchange.figures());
    }
  }

  /** A new process takes the place of a server. */
  void replaceServer(int server) {
    servers.get(server).close();
    servers.set(server, new ParameterServer(job));
  }

  /** A new process takes the place of a worker. */
  void replaceWorker(int worker) {
    replicas.get(worker).close();
    replicas.set(worker, new ToyReplica(worker, job.train().optimizer()));
    processes.set(worker, new ServedFigures());
    synchronized (applied) {
      applied[worker] = 0;
    }
  }

  @Override
  public void close() {
    servers.forEach(ParameterServer::close);
    replicas.forEach(ToyReplica::close);
  }

  /** Each replica has what all steps of all workers add up to, each once, if with integers. */
  static void checkSums(TestFormation formation, int workers, int steps) {
    for (ToyReplica replica : formation.replicas()) {
      for (int i = 0; i < replica.parameters().size(); i++) {
        FloatBuffer values = ToyReplica.floats(replica.parameters().get(i).tensor().data());
        for (int at = 0; at < ToyReplica.count(i); at++) {
          float expected = ToyReplica.initial(i, at);
          for (int worker = 0; worker < workers; worker++) {
            for (int step = 1; step <= steps; step++) {
              expected -= ToyReplica.integer(worker, step, i, at);
            }
          }
          if (values.get(at) != expected) {
            assertThat(values.get(at)).as("parameter %d, element %d", i, at).isEqualTo(expected);
          }
        }
      }
    }
  }
}
