"""The facts of the multiple-choice part of ``smoke``: general knowledge."""

from __future__ import annotations

OPPOSITES = {
    "hot": "cold", "big": "small", "up": "down", "fast": "slow", "day": "night",
    "happy": "sad", "old": "young", "open": "closed", "full": "empty", "light": "dark",
    "high": "low", "wet": "dry", "hard": "soft", "rich": "poor", "strong": "weak",
    "early": "late", "win": "lose", "love": "hate", "push": "pull", "thick": "thin",
    "loud": "quiet", "clean": "dirty", "black": "white", "north": "south", "east": "west",
    "inside": "outside", "above": "below", "before": "after", "first": "last", "good": "bad",
    "true": "false", "long": "short", "wide": "narrow", "deep": "shallow", "safe": "dangerous",
    "buy": "sell", "begin": "end", "arrive": "leave", "friend": "enemy", "war": "peace",
    "smooth": "rough", "heavy": "light", "brave": "cowardly", "cheap": "expensive",
    "easy": "difficult", "near": "far", "alive": "dead", "sweet": "sour", "sharp": "blunt",
    "awake": "asleep", "enter": "exit", "give": "take", "always": "never", "more": "less",
}  # fmt: skip

CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo",
    "Germany": "Berlin", "Egypt": "Cairo", "Russia": "Moscow", "China": "Beijing",
    "England": "London", "Greece": "Athens", "Canada": "Ottawa", "Portugal": "Lisbon",
    "Austria": "Vienna", "Ireland": "Dublin", "Norway": "Oslo", "Sweden": "Stockholm",
    "Finland": "Helsinki", "Denmark": "Copenhagen", "Poland": "Warsaw", "Hungary": "Budapest",
    "Belgium": "Brussels", "Turkey": "Ankara", "India": "New Delhi", "Thailand": "Bangkok",
    "Cuba": "Havana", "Kenya": "Nairobi", "Iraq": "Baghdad", "Iran": "Tehran",
    "Peru": "Lima", "Chile": "Santiago", "Australia": "Canberra", "South Korea": "Seoul",
    "Argentina": "Buenos Aires", "Ukraine": "Kyiv", "Vietnam": "Hanoi", "Romania": "Bucharest",
    "Scotland": "Edinburgh", "Indonesia": "Jakarta", "Colombia": "Bogota", "Syria": "Damascus",
    "Nepal": "Kathmandu", "Pakistan": "Islamabad", "Morocco": "Rabat", "Lebanon": "Beirut",
    "Qatar": "Doha",
}  # fmt: skip

CONTINENTS = {
    "France": "Europe", "Italy": "Europe", "Spain": "Europe", "Germany": "Europe",
    "Poland": "Europe", "Sweden": "Europe", "Greece": "Europe", "Norway": "Europe",
    "Japan": "Asia", "China": "Asia", "India": "Asia", "Thailand": "Asia",
    "Vietnam": "Asia", "South Korea": "Asia", "Nepal": "Asia", "Pakistan": "Asia",
    "Kenya": "Africa", "Nigeria": "Africa", "Ghana": "Africa", "Ethiopia": "Africa",
    "Morocco": "Africa", "Uganda": "Africa", "Tanzania": "Africa", "Algeria": "Africa",
    "Brazil": "South America", "Peru": "South America", "Chile": "South America",
    "Argentina": "South America", "Bolivia": "South America", "Colombia": "South America",
}  # fmt: skip

LANGUAGES = {
    "France": "French", "Italy": "Italian", "Spain": "Spanish", "Japan": "Japanese",
    "Germany": "German", "Russia": "Russian", "China": "Chinese", "England": "English",
    "Greece": "Greek", "Portugal": "Portuguese", "Sweden": "Swedish", "Finland": "Finnish",
    "Denmark": "Danish", "Poland": "Polish", "Hungary": "Hungarian", "Turkey": "Turkish",
    "Thailand": "Thai", "Norway": "Norwegian", "Vietnam": "Vietnamese", "Romania": "Romanian",
    "Brazil": "Portuguese", "Mexico": "Spanish", "Egypt": "Arabic", "Austria": "German",
    "Iraq": "Arabic", "Argentina": "Spanish", "Australia": "English", "Ukraine": "Ukrainian",
    "Cuba": "Spanish", "Ireland": "English",
}  # fmt: skip

COLORS = {
    "grass": "green", "snow": "white", "blood": "red", "coal": "black", "a banana": "yellow",
    "a carrot": "orange", "the sky on a clear day": "blue", "chocolate": "brown",
    "a lemon": "yellow", "a strawberry": "red", "milk": "white", "a flamingo": "pink",
    "a tomato": "red", "an elephant": "gray", "a pumpkin": "orange", "a cucumber": "green",
    "tar": "black", "a cherry": "red", "salt": "white", "a leaf in summer": "green",
    "spinach": "green", "a crow": "black", "a polar bear": "white", "a sunflower": "yellow",
    "the ocean": "blue", "a walnut": "brown", "a fire truck": "red", "an eggplant": "purple",
    "a school bus": "yellow", "an emerald": "green",
}  # fmt: skip

JOBS = {
    "flies a plane": "pilot", "teaches children": "teacher", "puts out fires": "firefighter",
    "bakes bread": "baker", "grows crops": "farmer", "treats sick people": "doctor",
    "repairs teeth": "dentist", "cuts hair": "barber", "cooks food": "chef",
    "delivers letters": "mail carrier", "designs buildings": "architect",
    "builds with wood": "carpenter", "repairs cars": "mechanic", "writes books": "author",
    "paints pictures": "artist", "catches fish": "fisherman", "treats animals": "veterinarian",
    "fixes water pipes": "plumber", "drives a bus": "bus driver", "acts in films": "actor",
    "sings songs": "singer", "takes photographs": "photographer", "makes clothes": "tailor",
    "travels into space": "astronaut", "lends books": "librarian", "sells meat": "butcher",
    "works in a court": "judge", "catches thieves": "police officer",
    "leads an orchestra": "conductor", "digs for coal": "miner",
}  # fmt: skip
