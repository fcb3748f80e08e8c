/** What the image server of a simulated world has. */
export const IMAGE_URLS = ['a', 'b', 'c'].map((name) => `http://images.example/${name}.qcow2`);
