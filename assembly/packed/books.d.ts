/** Addresses of code books and signs; the bytes come from src/numeric/formats/iq_books.ts through ../generated.ts. */

/** 8·(level + 1) of the points of IQ1_S and IQ1_M. i8 [2048, 8] */
export declare const IQ1: usize;
/** i8 [256, 8] */
export declare const IQ2_XXS: usize;
/** i8 [512, 8] */
export declare const IQ2_XS: usize;
/** i8 [1024, 8] */
export declare const IQ2_S: usize;
/** i8 [256, 4] */
export declare const IQ3_XXS: usize;
/** i8 [512, 4] */
export declare const IQ3_S: usize;
/** −1 where the sign that seven bits mean is a minus. i8 [128, 8] */
export declare const EVEN_MASKS: usize;
