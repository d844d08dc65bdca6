package dev.trireme.coordinator.store;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.protocol.StoreMessage;
import dev.trireme.protocol.StoreMessage.Confirm;
import dev.trireme.protocol.StoreMessage.Fetch;
import dev.trireme.protocol.StoreMessage.Fetched;
import dev.trireme.protocol.StoreMessage.Forget;
import dev.trireme.protocol.StoreMessage.Head;
import dev.trireme.protocol.StoreMessage.Keep;
import dev.trireme.protocol.StoreMessage.Kept;
import dev.trireme.protocol.StoreMessage.Prepare;
import dev.trireme.protocol.StoreMessage.Promised;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * Jobs kept by a majority of the cluster's coordinators, each on its own disk. To take over is to
 * have a new term promised by a majority, which from then on refuses whatever an older coordinator
 * writes, and to collect the newest version of each job from those who promised: since every job
 * was acknowledged only once a majority had it, and two majorities share a member, none is missed.
 * What was collected is written back to all of them. (Prepare and accept of Paxos, with the term as
 * ballot and one register for each job; Lamport, "Paxos Made Simple", 2001.)
 *
 * <p>A job that was forgotten while a coordinator was away comes back with it; only jobs that have
 * ended are forgotten, and they are forgotten again.
 *
 * <p>Cost: a round trip and a forced write on each coordinator for every change; the slowest of the
 * quickest majority is waited for.
 *
 * <p>Threading: one thread; blocks for seconds at most.
 */
public final class ReplicatedJobStore implements JobStore {
  private static final int MAX_ROUNDS = 5;

  /**
   * Who takes over next may find a change that no majority has acknowledged, here or with whoever
   * had it; nobody can take it back for sure.
   */
  private static final String MAY_BE_KEPT =
      "; it may have been kept all the same: see 'trireme job list' before you try again";

  /** Stands for an answer that never came. */
  private static final StoreMessage NOTHING = new Fetched(Optional.empty());

  private final LocalStore local;
  private final Peers peers;
  private long term;

  /**
   * @param local this coordinator's own, which belongs to the caller
   */
  public ReplicatedJobStore(LocalStore local, Peers peers) {
    this.local = local;
    this.peers = peers;
  }

  /** How many coordinators beside this one a majority takes. */
  private int needed() {
    return (peers.count() + 1) / 2;
  }

  @Override
  public long raiseTerm(long floor) {
    if (peers.joined() < needed()) {
      throw tooFew("be active", peers.joined());
    }
    long highest = Math.max(local.term(), floor);
    for (int round = 0; round < MAX_ROUNDS; round++) {
      long wanted = EntryJobStore.termAfter(highest);
      List<CompletableFuture<StoreMessage>> asked = peers.askAll(new Prepare(wanted));
      Map<Integer, Promised> promises = new HashMap<>();
      awaitMajority(asked, answer -> answer instanceof Promised p && p.granted());
      boolean refused = false;
      for (int i = 0; i < asked.size(); i++) {
        // One that answers later has promised, and is not needed.
        if (asked.get(i).isDone()
            && answerOf(asked.get(i)).orElse(NOTHING) instanceof Promised answer) {
          highest = Math.max(highest, answer.term());
          refused |= !answer.granted();
          if (answer.granted()) {
            promises.put(i, answer);
          }
        }
      }
      if (promises.size() >= needed() && local.promise(wanted)) {
        term = wanted;
        merge(promises);
        return wanted;
      }
      highest = Math.max(highest, local.term());
      if (!refused && promises.size() < needed()) {
        throw tooFew("be active", promises.size());
      }
    }
    throw new CoordinatorException(
        "other coordinators have raised the term " + MAX_ROUNDS + " times meanwhile");
  }

  /** Takes what others have newer, and gives all of it to all. */
  private void merge(Map<Integer, Promised> promises) {
    Map<String, JobRecord> newest = new HashMap<>();
    local.jobs().forEach(job -> newest.put(job.jobId(), job));
    for (Map.Entry<Integer, Promised> promise : promises.entrySet()) {
      for (Head head : promise.getValue().jobs()) {
        JobRecord own = newest.get(head.jobId());
        if (own == null || ORDER.compare(head, headOf(own)) > 0) {
          newest.put(head.jobId(), fetch(promise.getKey(), head));
        }
      }
    }
    Map<Integer, Map<String, Head>> there = new HashMap<>();
    promises.forEach(
        (peer, promised) -> {
          Map<String, Head> heads = new HashMap<>();
          promised.jobs().forEach(head -> heads.put(head.jobId(), head));
          there.put(peer, heads);
        });
    for (JobRecord job : newest.values()) {
      local.put(job);
      there.forEach(
          (peer, heads) -> {
            if (!headOf(job).equals(heads.get(job.jobId()))) {
              requireKept(
                  answerOf(peers.ask(peer, new Keep(term, job))), "take over " + job.jobId());
            }
          });
    }
  }

  private static final Comparator<Head> ORDER =
      Comparator.comparingLong(Head::term).thenComparingLong(Head::version);

  private static Head headOf(JobRecord job) {
    return new Head(job.jobId(), job.term(), job.version());
  }

  private JobRecord fetch(int peer, Head head) {
    if (answerOf(peers.ask(peer, new Fetch(head.jobId()))).orElse(NOTHING)
            instanceof Fetched fetched
        && fetched.job().isPresent()) {
      return fetched.job().get();
    }
    throw new CoordinatorException(
        "another coordinator has " + head.jobId() + " and did not hand it over; tries again");
  }

  private static void requireKept(Optional<StoreMessage> answer, String what) {
    if (!(answer.orElse(NOTHING) instanceof Kept kept) || !kept.refusal().isEmpty()) {
      throw new CoordinatorException(
          "cannot "
              + what
              + ": another coordinator answered "
              + answer.map(Object::toString).orElse("nothing"));
    }
  }

  @Override
  public void put(JobRecord job) {
    requireTerm();
    local.put(job);
    try {
      change(new Keep(term, job), "keep " + job.jobId());
    } catch (NotActiveException e) {
      throw new NotActiveException(e.getMessage() + MAY_BE_KEPT);
    }
  }

  @Override
  public void confirm() {
    requireTerm();
    change(new Confirm(term), "go on as the active one");
  }

  @Override
  public void remove(String jobId) {
    requireTerm();
    local.remove(jobId);
    change(new Forget(term, jobId), "forget " + jobId);
  }

  private void requireTerm() {
    if (local.term() > term) {
      throw new NotActiveException(
          "term " + local.term() + " has begun: another coordinator has taken over");
    }
  }

  private void change(StoreMessage question, String what) {
    List<CompletableFuture<StoreMessage>> asked = peers.askAll(question);
    int done = awaitMajority(asked, answer -> answer instanceof Kept k && k.refusal().isEmpty());
    if (done < needed()) {
      for (CompletableFuture<StoreMessage> each : asked) {
        if (each.isDone()
            && answerOf(each).orElse(NOTHING) instanceof Kept kept
            && !kept.refusal().isEmpty()) {
          throw new NotActiveException("cannot " + what + ": " + kept.refusal());
        }
      }
      throw tooFew(what, done);
    }
  }

  private NotActiveException tooFew(String what, int others) {
    return new NotActiveException(
        "cannot %s: needs %d of %d coordinators, found %d; start the others"
            .formatted(what, needed() + 1, peers.count() + 1, others + 1));
  }

  /** An answer, where there is one. Waits for it, some seconds at most. */
  private static Optional<StoreMessage> answerOf(CompletableFuture<StoreMessage> asked) {
    try {
      return Optional.of(asked.join());
    } catch (CompletionException | CancellationException e) {
      return Optional.empty();
    }
  }

  /**
   * Waits until enough have answered as wanted or all have answered or failed; those who have not
   * answered then are not waited for.
   *
   * @return how many have answered as wanted
   */
  private int awaitMajority(
      List<CompletableFuture<StoreMessage>> asked, Predicate<StoreMessage> wanted) {
    AtomicInteger good = new AtomicInteger();
    CompletableFuture<Void> enough = new CompletableFuture<>();
    List<CompletableFuture<?>> all = new ArrayList<>();
    for (CompletableFuture<StoreMessage> each : asked) {
      all.add(
          each.handle(
              (answer, error) -> {
                if (error == null && wanted.test(answer) && good.incrementAndGet() >= needed()) {
                  enough.complete(null);
                }
                return null;
              }));
    }
    CompletableFuture.anyOf(enough, CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)))
        .join();
    return good.get();
  }

  @Override
  public List<JobRecord> jobs() {
    return local.jobs();
  }

  /** Leaves this coordinator's own store open, which is its owner's. */
  @Override
  public void close() {}
}
