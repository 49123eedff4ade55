/** Version of this package, as `--version` prints it and files carry it: package.json's, which a test compares. */
export const packageVersion = '0.1.0';
