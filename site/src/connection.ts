/** The browser's report about its connection, which not every browser gives. */
interface Connection {
  saveData?: boolean;
  type?: string;
}

/** Whether somebody asked to save data, or pays for it by the byte, as far as the browser knows. */
export function isMetered(): boolean {
  const { saveData, type } = (navigator as { connection?: Connection }).connection ?? {};
  return saveData === true || type === 'cellular';
}
