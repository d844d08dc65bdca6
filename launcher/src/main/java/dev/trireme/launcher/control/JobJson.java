package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.trireme.coordinator.JobStatus;

/** How a job stands, as the HTTP interfaces tell it. */
final class JobJson {
  private JobJson() {}

  static ObjectNode of(JobStatus status) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("job", status.jobId())
        .put("name", status.name())
        .put("state", status.state().name())
        .put("reason", status.reason())
        .put("user", status.user())
        .put("priority", status.priority())
        .put("submitted", status.submitted().toString())
        .put("generation", status.generation())
        .put("worldSize", status.worldSize())
        .put("runDirectory", status.runDirectory().toString());
  }
}
