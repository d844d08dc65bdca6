package dev.trireme.api.tensor;

/** The element types that tensors, collectives and checkpoints share. */
public enum DType {
  FLOAT32(4, "F32"),
  FLOAT64(8, "F64"),
  BFLOAT16(2, "BF16"),
  FLOAT16(2, "F16"),
  INT32(4, "I32"),
  INT64(8, "I64"),
  UINT8(1, "U8");

  private final int bytes;
  private final String safetensorsName;

  DType(int bytes, String safetensorsName) {
    this.bytes = bytes;
    this.safetensorsName = safetensorsName;
  }

  /** The size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** The name of this type in a safetensors header. */
  public String safetensorsName() {
    return safetensorsName;
  }

  /**
   * The type with this safetensors name.
   *
   * @throws IllegalArgumentException when no type of Trireme has that name
   */
  public static DType ofSafetensorsName(String name) {
    for (DType type : values()) {
      if (type.safetensorsName.equals(name)) {
        return type;
      }
    }
    throw new IllegalArgumentException(
        "expected a dtype among F32, F64, BF16, F16, I32, I64, U8; found '" + name + "'");
  }
}
