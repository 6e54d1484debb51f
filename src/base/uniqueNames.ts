/**
 * Returns a function that makes names unique by a number at their end.
 *
 * @param taken names that are in use; those that are given are added.
 * @param first the number of the second of one name.
 */
export function uniqueNames(taken = new Set<string>(), first = 2): (wanted: string) => string {
  return (wanted) => {
    let name = wanted;
    for (let i = first; taken.has(name); i++) name = `${wanted}_${i}`;
    taken.add(name);
    return name;
  };
}
