package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.coordinator.ClusterProbe;
import dev.trireme.protocol.Probe;

/** A probe of a cluster as JSON. */
final class ProbeJson {
  private ProbeJson() {}

  static JsonNode of(ClusterProbe probe) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    ArrayNode hosts = root.putArray("hosts");
    for (ClusterProbe.Host host : probe.hosts()) {
      ObjectNode node = hosts.addObject().put("agent", host.agentId()).put("host", host.name());
      host.has()
          .ifPresent(
              has ->
                  node.put("java", has.java())
                      .put("aeron", has.aeron())
                      .put("sharedMemoryBytes", has.sharedMemory())
                      .put("cores", has.cores()));
      ArrayNode ways = node.putArray("ways");
      host.ways().forEach(way -> ways.add(of(way)));
    }
    ArrayNode findings = root.putArray("findings");
    probe.findings().forEach(findings::add);
    return root;
  }

  private static ObjectNode of(Probe.Way way) {
    ObjectNode node = JsonNodeFactory.instance.objectNode().put("to", way.to());
    boolean answered = way.failure().isEmpty();
    node.put("reached", answered);
    if (answered) {
      node.put("roundTripMicros", way.roundTripMicros())
          .put("bytesPerSecond", way.bytesPerSecond())
          .put("clockAheadMicros", way.clockAheadMicros())
          .put("lost", way.lost());
    }
    node.put("tcpReached", !Double.isNaN(way.tcpBytesPerSecond()));
    if (!Double.isNaN(way.tcpBytesPerSecond())) {
      node.put("tcpBytesPerSecond", way.tcpBytesPerSecond());
    }
    return node;
  }
}
