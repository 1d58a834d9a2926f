"""How a video's views grow from what was seen of it day by day: any age, any later age."""
