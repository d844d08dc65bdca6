/**
 * What the bytes of a checkpoint mean: names, the safetensors header and the manifest, as immutable
 * values with a strict reader and a writer. Nothing here touches a disk.
 */
package dev.trireme.checkpoint.format;
