package dev.trireme.protocol.akka;

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
import java.util.List;
import java.util.Map;

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

  private ControlPlane() {}

  /**
   * The settings of a member's actor system. Each can be overridden by a system property of its
   * name, as {@code -Dakka.loglevel=INFO}.
   *
   * @param role {@link #COORDINATOR_ROLE} or {@link #AGENT_ROLE}
   * @param host to listen on and to be reached at
   * @param port to listen on; 0 takes any free one
   */
  public static Config settings(String role, String host, int port) {
    Map<String, Object> own =
        Map.of(
            "akka.cluster.roles",
            List.of(role),
            "akka.remote.artery.canonical.hostname",
            host,
            "akka.remote.artery.canonical.port",
            port,
            HEARTBEAT_PAUSE,
            isLoopback(host) ? LOOPBACK_PAUSE : NETWORK_PAUSE);
    ClassLoader loader = ControlPlane.class.getClassLoader();
    return ConfigFactory.defaultOverrides()
        .withFallback(ConfigFactory.parseMap(own, role))
        .withFallback(ConfigFactory.parseResources(loader, SETTINGS))
        .withFallback(ConfigFactory.defaultReference(loader))
        .resolve();
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

  private static boolean isLoopback(String host) {
    return host.startsWith("127.") || host.equals("localhost") || host.equals("::1");
  }
}
