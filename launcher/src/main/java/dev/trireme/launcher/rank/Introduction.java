package dev.trireme.launcher.rank;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.protocol.AgentToRank.Contacts;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * How ranks of several hosts learn each other's endpoints: once this rank listens for each of its
 * groups it tells the coordinator where, in one word, and the coordinator deals the words of all to
 * all.
 *
 * <p>Threading: {@link #meet} blocks a thread for each group; the rest from any.
 */
final class Introduction {
  /**
   * The coordinator gives up a rank that is silent for as long as a collective may take; this is
   * for the case that the coordinator itself has gone.
   */
  private static final Duration DEADLINE = Duration.ofMinutes(15);

  private static final String BETWEEN = ";";

  private final Consumer<RankReport> out;
  private final String[] own;
  private final CompletableFuture<Contacts> contacts = new CompletableFuture<>();
  private int said;

  /**
   * @param groups that this rank is of, numbered from 0; a rank that is of one is of number 0
   * @param out takes what the coordinator is to hear
   */
  Introduction(int groups, Consumer<RankReport> out) {
    this.out = out;
    this.own = new String[groups];
  }

  /** What all ranks have said. */
  void dealt(Contacts all) {
    contacts.complete(all);
  }

  /** From then on nothing is said any more: it would be taken for a word of the next formation. */
  synchronized void abort(String why) {
    contacts.completeExceptionally(
        new CollectiveException(CollectiveException.Cause.ABORTED, -1, why));
  }

  /**
   * Waits for the endpoints of a group.
   *
   * @param endpoint this rank's own in it
   * @param worldSize of the group, whose ranks are the first of the formation
   * @throws CollectiveException when the formation was aborted, or nobody deals any
   * @throws IllegalStateException when what was dealt is no list of endpoints
   */
  List<Endpoint> meet(int group, Endpoint endpoint, int worldSize) {
    say(group, endpoint);
    List<Endpoint> all = new ArrayList<>();
    List<String> words = await().contacts();
    try {
      for (int rank = 0; rank < worldSize; rank++) {
        all.add(Endpoint.parse(words.get(rank).split(BETWEEN)[group]));
      }
    } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
      throw new IllegalStateException(
          "expected endpoints of " + worldSize + " ranks, found " + words, e);
    }
    return all;
  }

  private synchronized void say(int group, Endpoint endpoint) {
    if (contacts.isCompletedExceptionally()) {
      return;
    }
    own[group] = endpoint.text();
    said++;
    if (said == own.length) {
      out.accept(new RankReport.Contact(String.join(BETWEEN, Arrays.asList(own))));
    }
  }

  private Contacts await() {
    try {
      return contacts.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof CollectiveException over) {
        throw over;
      }
      throw new IllegalStateException(e.getCause());
    } catch (TimeoutException e) {
      throw new CollectiveException(
          CollectiveException.Cause.DEADLINE,
          -1,
          "the coordinator has not dealt the ranks' endpoints within "
              + DEADLINE.toSeconds()
              + " s");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CollectiveException(
          CollectiveException.Cause.ABORTED, -1, "interrupted while it waited for endpoints");
    }
  }
}
