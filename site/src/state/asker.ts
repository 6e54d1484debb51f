import { report } from './lab.js';

/** Answers the latest of its questions; one that comes meanwhile replaces those still waiting. */
export class Asker<T> {
  private latest: (() => Promise<T>) | undefined;
  private busy = false;

  constructor(
    private readonly onAnswer: (answer: T) => void,
    private readonly onBusy: (busy: boolean) => void = () => {},
  ) {}

  async ask(question: () => Promise<T>): Promise<void> {
    this.latest = question;
    if (this.busy) return;
    this.busy = true;
    this.onBusy(true);
    try {
      while (this.latest) {
        const next: () => Promise<T> = this.latest;
        this.latest = undefined;
        this.onAnswer(await next());
      }
    } catch (error) {
      report(error);
    } finally {
      this.busy = false;
      this.onBusy(false);
    }
  }
}
