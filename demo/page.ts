/** Returns the one element that a selector finds. */
export function find<T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T {
  const element = within.querySelector<T>(selector);
  if (element === null) throw new Error(`the page has no ${selector}`);
  return element;
}

/** Returns a copy of the one element in a template. */
export function stamp(template: string): HTMLElement {
  const { firstElementChild } = find<HTMLTemplateElement>(`template#${template}`).content;
  return (firstElementChild as HTMLElement).cloneNode(true) as HTMLElement;
}

/** Returns a share as whole percent. */
export function percent(share: number): string {
  return `${Math.round(100 * share)}`;
}
