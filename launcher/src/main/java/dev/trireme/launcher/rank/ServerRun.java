package dev.trireme.launcher.rank;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.train.Progress;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.RankReport;
import dev.trireme.ps.ParameterServer;
import dev.trireme.worker.rank.AgentLink;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life of a server's process: it is a rank behind the workers, takes part in one formation
 * after the other as these do, and keeps its shards in between. It holds no replica, so that it is
 * never the source of a state.
 */
final class ServerRun {
  private static final Logger LOG = LoggerFactory.getLogger(ServerRun.class);
  private static final Duration PARKED_DEADLINE = Duration.ofHours(24);

  private final AgentLink link;
  private final JobSpec job;
  private Join join;
  private long step;

  ServerRun(Join join, AgentLink link) {
    this.join = join;
    this.job = join.job();
    this.link = link;
  }

  /** Whether the rank that a process is to become is a server. */
  static boolean isServer(Join join) {
    return join.rank() >= join.worldSize() - join.job().parallel().servers();
  }

  /** Serves and reports how it ended; returns the process's exit code. */
  int run() {
    try (ParameterServer server = new ParameterServer(job)) {
      serve(server);
      for (Optional<Join> next = nextJoin(); next.isPresent(); next = nextJoin()) {
        join = next.get();
        serve(server);
      }
      return 0;
    } catch (Throwable e) {
      LOG.error("rank {}, a server, gives up", join.rank(), e);
      link.report(new RankReport.Failed(step + 1, e.toString(), join.rank(), false));
      return 1;
    }
  }

  private Optional<Join> nextJoin() throws InterruptedException {
    return link.awaitJoin(PARKED_DEADLINE);
  }

  private void serve(ParameterServer server) {
    Introduction introduction = new Introduction(1, link::report);
    try (GroupOpener meeting = GroupOpener.startForMessages(new Groups(join).all(), introduction)) {
      link.listen(
          command -> {
            if (command instanceof AgentToRank.AbortGeneration abort) {
              meeting.abort(abort.reason());
            } else if (command instanceof AgentToRank.Contacts contacts) {
              meeting.dealt(contacts);
            }
          });
      server.serve(meeting.await(), this::ready);
      link.report(
          new RankReport.Finished(
              new Progress(step, Cursor.START), 0, false, Map.of(), "", Double.NaN));
    } catch (CollectiveException e) {
      if (e.reason() == CollectiveException.Cause.MISMATCH) {
        throw e;
      }
      LOG.warn(
          "rank {}, a server, leaves generation {}: {}",
          join.rank(),
          join.stamp().generation(),
          e.getMessage());
      link.report(
          new RankReport.Parked(
              step,
              false,
              e.getMessage(),
              e.reason() == CollectiveException.Cause.ABORTED ? -1 : e.suspectRank()));
    }
  }

  private void ready(long after) {
    step = after;
    link.report(new RankReport.Ready(new Progress(after, Cursor.START), "", 0, 1, 1, 0));
  }
}
