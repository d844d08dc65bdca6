package dev.trireme.api.engine;

/**
 * The engine refused: a model that cannot be built, a computation that cannot go on. The message
 * says which layer or operation, what was expected and what was found.
 */
public final class EngineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public EngineException(String message) {
    super(message);
  }

  public EngineException(String message, Throwable cause) {
    super(message, cause);
  }
}
