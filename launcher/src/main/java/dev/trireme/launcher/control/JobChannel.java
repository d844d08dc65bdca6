package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;

/** One job, asked over HTTP. Every call blocks for seconds at most. */
public interface JobChannel {
  /** How it stands. */
  JsonNode show() throws UnreachableException, RefusedException;

  /** Changes the number of ranks. */
  JsonNode scale(int workers) throws UnreachableException, RefusedException;

  /** Ends it, after a checkpoint where asked. */
  JsonNode cancel(boolean checkpoint) throws UnreachableException, RefusedException;
}
