package dev.trireme.coordinator.akka;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import akka.cluster.typed.JoinSeedNodes;
import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.protocol.akka.ControlPlane;
import java.time.Duration;
import java.util.List;
import scala.jdk.javaapi.CollectionConverters;

/**
 * How several coordinators become one cluster. Each asks the others to let it join. Where nobody
 * answers the first of them founds the cluster after a second; the second and the third do so when
 * there is still nobody after some more, for the first may be lost. Two that found one each can do
 * no harm, since neither has a majority; one of them has to be started again then.
 */
final class Founding {
  private static final Duration EACH = Duration.ofSeconds(8);

  private Founding() {}

  static void join(ActorSystem<?> system, CoordinatorConfig config) {
    List<Address> seeds = config.coordinators().stream().map(Founding::address).toList();
    Cluster cluster = Cluster.get(system);
    cluster.manager().tell(new JoinSeedNodes(CollectionConverters.asScala(seeds).toSeq()));
    int place = config.coordinators().indexOf(config.host() + ":" + config.port());
    if (place > 0) {
      system
          .scheduler()
          .scheduleOnce(
              EACH.multipliedBy(place),
              () -> {
                if (cluster.selfMember().status() == MemberStatus.removed()) {
                  system.log().warn("no other coordinator answers: begins alone");
                  cluster.manager().tell(Join.create(cluster.selfMember().address()));
                }
              },
              system.executionContext());
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
