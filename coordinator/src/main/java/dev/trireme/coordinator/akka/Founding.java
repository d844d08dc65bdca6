package dev.trireme.coordinator.akka;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.JoinSeedNodes;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigValueFactory;
import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.protocol.akka.ControlPlane;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.jdk.javaapi.CollectionConverters;

/**
 * How several coordinators become one cluster, and never two: whoever is alone in a cluster of its
 * own would be active beside the others.
 *
 * <p>One that starts looks which of the others listen. Of those that do the first in the list may
 * found a cluster, once all others that listen have said that they are in none; the others ask to
 * be let in. A late answer is none to act on: on a busy machine that starts three of them a first
 * TLS handshake was seen to take ten seconds. So one that listens and does not answer is given up
 * only after minutes, as hung. Where one that comes before it in the list does not listen, a
 * coordinator waits some seconds for it, for it may be starting.
 *
 * <p>Two that cannot reach each other's ports may found one each. Neither has a majority then
 * unless a third reaches both, and one of them has to be started again.
 *
 * <p>Threading: it owns a thread, which ends when this coordinator is a member or its actor system
 * has ended.
 */
final class Founding {
  private static final Logger LOG = LoggerFactory.getLogger(Founding.class);

  /** What to do now. */
  sealed interface Step {
    /** Others in the list are to let this one in. */
    record Ask(List<String> others) implements Step {}

    /** A cluster is founded unless one of these others is in one already. */
    record Found(List<String> others) implements Step {}
  }

  /** For each one before it in the list that does not listen (yet). */
  private static final Duration EACH = Duration.ofSeconds(10);

  /** Who has listened and does not answer a call now is busy, for so long. */
  private static final Duration BUSY = Duration.ofMinutes(1);

  private static final Duration PACE = Duration.ofMillis(500);
  private static final Duration AGAIN = Duration.ofSeconds(3);
  private static final Duration CONNECT = Duration.ofSeconds(1);

  /** How long the first one waits for those that listen to say whether they are in a cluster. */
  private static final String ANSWER = "akka.cluster.seed-node-timeout";

  private static final String PATIENCE = "60s";

  /** For each one before it in the list: longer than those may take to found. */
  private static final Duration HUNG = Duration.ofMinutes(2);

  private final ActorSystem<?> system;
  private final CoordinatorConfig config;
  private final String self;
  private final Map<String, Long> heard = new HashMap<>();

  private Founding(ActorSystem<?> system, CoordinatorConfig config) {
    this.system = system;
    this.config = config;
    this.self = config.host() + ":" + config.port();
  }

  /** What the actor system of one of several needs for this. */
  static Config settings(Config plain) {
    return plain.withValue(ANSWER, ConfigValueFactory.fromAnyRef(PATIENCE));
  }

  /** Begins; returns at once. */
  static void join(ActorSystem<?> system, CoordinatorConfig config) {
    Thread thread = new Thread(new Founding(system, config)::run, "trireme-founding");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    Cluster cluster = Cluster.get(system);
    long start = System.nanoTime();
    long told = 0;
    Step last = new Step.Ask(List.of());
    do {
      Duration waited = Duration.ofNanos(System.nanoTime() - start);
      Step step = decide(config.coordinators(), self, listening(), waited);
      boolean again = step instanceof Step.Ask && System.nanoTime() - told > AGAIN.toNanos();
      if (!step.equals(last) || again) {
        last = step;
        told = System.nanoTime();
        tell(cluster, step);
      }
    } while (!isOver(cluster));
  }

  private boolean isOver(Cluster cluster) {
    try {
      system.getWhenTerminated().toCompletableFuture().get(PACE.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return cluster.selfMember().status() != MemberStatus.removed();
    } catch (ExecutionException e) {
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    }
  }

  private void tell(Cluster cluster, Step step) {
    List<Address> seeds = new ArrayList<>();
    if (step instanceof Step.Found found) {
      LOG.info("founds a cluster unless one of these is in one: {}", found.others());
      // The first of Akka's seeds founds a cluster when all others have said that they are in none.
      seeds.add(cluster.selfMember().address());
      found.others().forEach(other -> seeds.add(address(other)));
    } else if (step instanceof Step.Ask ask) {
      ask.others().forEach(other -> seeds.add(address(other)));
    }
    if (!seeds.isEmpty()) {
      cluster.manager().tell(new JoinSeedNodes(CollectionConverters.asScala(seeds).toSeq()));
    }
  }

  /**
   * Decides. Pure.
   *
   * @param all in the order of the list, which is the same for all
   * @param self one of them
   * @param listening those of the others that listen
   * @param waited since this one began
   */
  static Step decide(List<String> all, String self, List<String> listening, Duration waited) {
    int place = all.indexOf(self);
    boolean first = all.subList(0, place).stream().noneMatch(listening::contains);
    Duration patience = (first ? EACH : HUNG).multipliedBy(place);
    return waited.compareTo(patience) < 0 ? new Step.Ask(listening) : new Step.Found(listening);
  }

  /** The others that listen, in the order of the list. */
  private List<String> listening() {
    List<String> found = new ArrayList<>();
    for (String other : config.coordinators()) {
      if (!other.equals(self) && listens(other)) {
        found.add(other);
      }
    }
    return found;
  }

  private boolean listens(String hostAndPort) {
    Address address = address(hostAndPort);
    try (Socket socket = new Socket()) {
      socket.connect(
          new InetSocketAddress(address.host().get(), (int) address.port().get()),
          (int) CONNECT.toMillis());
      heard.put(hostAndPort, System.nanoTime());
      return true;
    } catch (ConnectException e) {
      heard.remove(hostAndPort); // Nobody is there: its port refuses.
      return false;
    } catch (IOException e) {
      Long last = heard.get(hostAndPort);
      return last != null && System.nanoTime() - last < BUSY.toNanos();
    }
  }

  static Address address(String hostAndPort) {
    int colon = hostAndPort.lastIndexOf(':');
    return new Address(
        "akka",
        ControlPlane.SYSTEM,
        hostAndPort.substring(0, colon),
        Integer.parseInt(hostAndPort.substring(colon + 1)));
  }
}
