package dev.trireme.protocol.akka;

import akka.Done;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.ClusterSingleton;
import akka.cluster.typed.ClusterSingletonSettings;
import akka.cluster.typed.SingletonActor;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.trireme.protocol.TlsFiles;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** What coordinators and agents must agree on to be one Akka cluster. */
public final class ControlPlane {
  /** The name of every actor system of the control plane; part of its addresses. */
  public static final String SYSTEM = "trireme";

  /** Members that may become the active coordinator, and that alone vote on who is cut off. */
  public static final String COORDINATOR_ROLE = "coordinator";

  /** Members that start ranks. */
  public static final String AGENT_ROLE = "agent";

  private static final String SETTINGS = "dev/trireme/protocol/akka/control-plane.conf";
  private static final String SINGLETON = "coordinator";

  /**
   * Of two members on one machine neither can be cut off, and both starve when it is overloaded: a
   * job must not end for that. Between hosts, what counts is to notice a dead one soon.
   */
  private static final String HEARTBEAT_PAUSE =
      "akka.cluster.failure-detector.acceptable-heartbeat-pause";

  private static final String LOOPBACK_PAUSE = "10s";
  private static final String NETWORK_PAUSE = "3s";

  /** An actor system that has left its cluster ends within a second, if it ends at all. */
  private static final Duration ENDING = Duration.ofSeconds(10);

  private ControlPlane() {}

  /**
   * The settings of a member's actor system. Each can be overridden by a system property of its
   * name, as {@code -Dakka.loglevel=INFO}.
   *
   * @param role {@link #COORDINATOR_ROLE} or {@link #AGENT_ROLE}
   * @param host to listen on and to be reached at
   * @param port to listen on; 0 takes any free one
   * @param tls what members prove themselves with; without it the host must be loopback
   * @throws IllegalArgumentException when anyone on the network could join
   */
  public static Config settings(String role, String host, int port, Optional<TlsFiles> tls) {
    if (tls.isEmpty() && !isLoopback(host)) {
      throw new IllegalArgumentException(
          "expected credentials to listen on "
              + host
              + ", which others can reach, found none; make them with 'trireme cluster init DIR'");
    }
    Map<String, Object> own = new HashMap<>();
    own.put("akka.cluster.roles", List.of(role));
    own.put("akka.remote.artery.canonical.hostname", host);
    own.put("akka.remote.artery.canonical.port", port);
    own.put(HEARTBEAT_PAUSE, isLoopback(host) ? LOOPBACK_PAUSE : NETWORK_PAUSE);
    tls.ifPresent(files -> own.putAll(mutualTls(files)));
    return settings(own, role);
  }

  /** The settings of an actor system that opens no port and has all its actors in one process. */
  static Config settingsWithoutNetwork() {
    return settings(Map.of("akka.actor.provider", "local"), "local");
  }

  private static Config settings(Map<String, Object> own, String origin) {
    ClassLoader loader = ControlPlane.class.getClassLoader();
    return ConfigFactory.defaultOverrides()
        .withFallback(ConfigFactory.parseMap(own, origin))
        .withFallback(ConfigFactory.parseResources(loader, SETTINGS))
        .withFallback(ConfigFactory.defaultReference(loader))
        .resolve();
  }

  /** As the other, on loopback and without credentials. */
  public static Config settings(String role, String host, int port) {
    return settings(role, host, port, Optional.empty());
  }

  /**
   * Both sides show a certificate of the cluster's authority. Akka also wants them to share a name,
   * which keeps out what the authority signed for something else.
   */
  private static Map<String, Object> mutualTls(TlsFiles files) {
    String engine = "akka.remote.artery.ssl.rotating-keys-engine.";
    return Map.of(
        "akka.remote.artery.transport",
        "tls-tcp",
        "akka.remote.artery.ssl.ssl-engine-provider",
        "akka.remote.artery.tcp.ssl.RotatingKeysSSLEngineProvider",
        engine + "key-file",
        files.key().toString(),
        engine + "cert-file",
        files.certificate().toString(),
        engine + "ca-cert-file",
        files.authority().toString(),
        engine + "protocol",
        "TLSv1.3",
        engine + "enabled-algorithms",
        List.of("TLS_AES_256_GCM_SHA384"));
  }

  /**
   * Runs the coordinator on this member whenever it is the one whose turn it is; call it on every
   * member with {@link #COORDINATOR_ROLE}, once.
   *
   * @param props of its actor, such as its dispatcher
   * @return the way to the active coordinator, wherever it runs
   */
  public static ActorRef<CoordinatorInbox> run(
      ActorSystem<?> system, Behavior<CoordinatorInbox> coordinator, Props props) {
    return ClusterSingleton.get(system)
        .init(
            SingletonActor.of(coordinator, SINGLETON)
                .withProps(props)
                .withSettings(ClusterSingletonSettings.create(system).withRole(COORDINATOR_ROLE)));
  }

  /**
   * The way from an agent to the active coordinator, wherever it runs and whoever takes over. What
   * is sent before there is one is kept, up to 1000 messages, then dropped oldest first: what must
   * arrive is repeated until it is answered.
   */
  public static ActorRef<CoordinatorInbox> coordinator(ActorSystem<?> system) {
    return run(system, Behaviors.empty(), Props.empty());
  }

  /**
   * Completed when an actor system is no member of its cluster any more and has ended, or has not
   * ended in 10 seconds behind that: where a link was cut in the midst of a connection its
   * transport was seen to wait for that for ever, and with it a coordinator that the others had
   * given up.
   */
  public static CompletionStage<Void> ended(ActorSystem<?> system) {
    return ended(system, ENDING);
  }

  static CompletionStage<Void> ended(ActorSystem<?> system, Duration atMost) {
    CompletableFuture<Void> ended = new CompletableFuture<>();
    system.getWhenTerminated().thenAccept(done -> ended.complete(null));
    CoordinatedShutdown.get(system)
        .addTask(
            CoordinatedShutdown.PhaseBeforeActorSystemTerminate(),
            "trireme-ended",
            () -> {
              ended.completeOnTimeout(null, atMost.toMillis(), TimeUnit.MILLISECONDS);
              return CompletableFuture.completedFuture(Done.getInstance());
            });
    return ended;
  }

  /** Whether only this machine can reach an address. */
  public static boolean isLoopback(String host) {
    return host.matches("127(\\.[0-9]{1,3}){3}") || host.equals("localhost") || host.equals("::1");
  }
}
