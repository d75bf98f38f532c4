// How the search orders what it finds: pages by their titles, then names of the API, then text.
var Scorer = {
  score: ([page, title, anchor, description, score, file, kind]) => {
    // The changelog names everything, and explains nothing.
    if (page === "changelog") return score - 1000;
    const query = new URLSearchParams(window.location.search).get("q") ?? "";
    const named = kind !== "object" && title.toLowerCase().includes(query.trim().toLowerCase());
    return named ? score + 30 : score;
  },
  title: 15,
  partialTitle: 7,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  term: 5,
  partialTerm: 1,
};
