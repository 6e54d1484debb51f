/** The browser's report about its connection, which not every browser gives. */
interface Connection {
  saveData?: boolean;
  type?: string;
}

/** What browsers say of a download that failed, and this page of one that a server refused. */
const NETWORK =
  /failed to fetch|networkerror|load failed|dynamically imported module|module script failed|fetching of the wasm|server answered|could not be loaded/i;

/** Whether an error is that of a broken connection. */
export const isNetwork = (message: string) => NETWORK.test(message);

/** Whether somebody asked to save data, or pays for it by the byte, as far as the browser knows. */
export function isMetered(): boolean {
  const { saveData, type } = (navigator as { connection?: Connection }).connection ?? {};
  return saveData === true || type === 'cellular';
}
