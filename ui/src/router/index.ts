export { followLinks, go, href, hrefWith, parsePlace, place, query, setQuery, type Place } from "./router";
