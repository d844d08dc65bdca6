package dev.trireme.api.job;

/**
 * Servers that hold the parameters, for {@code parallel.sync: parameter-server}.
 *
 * @param servers processes beside the workers
 * @param backups further servers that hold each shard
 * @param consistency how far workers may be apart
 * @param sparse whether of tables only the rows of a batch are pushed and pulled
 */
public record ParameterServerSpec(
    @Key(value = "Server processes, beside the workers.", defaultValue = "1", min = 1, max = 64)
        int servers,
    @Key(
            value = "Other servers that hold each part of the parameters as well.",
            defaultValue = "0",
            min = 0,
            max = 1)
        int backups,
    @Key(value = "How far the workers may be apart.", defaultValue = "bsp")
        ConsistencySpec consistency,
    @Key(
            value =
                "Whether of tables (an embedding, a factorization) that come first only the rows of"
                    + " a batch travel.",
            defaultValue = "true")
        boolean sparse) {
  /** One server, no backup, bsp. */
  public static final ParameterServerSpec DEFAULT =
      new ParameterServerSpec(1, 0, new ConsistencySpec.Bsp(0), true);

  public ParameterServerSpec {
    if (backups >= servers && backups > 0) {
      throw new SpecException(
          "backups",
          "there are more backups ("
              + backups
              + ") than other servers ("
              + (servers - 1)
              + "); set servers to "
              + (backups + 1)
              + " or more");
    }
  }
}
