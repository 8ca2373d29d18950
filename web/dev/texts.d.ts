export declare const markdown: string;
export declare const xss: string;
export declare const arabic: string;
export declare const plain: string;
export declare const reasoning: string;
export declare function long(size: number): string;
