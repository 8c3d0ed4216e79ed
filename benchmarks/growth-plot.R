# Draw what growth.py measured: Rscript growth-plot.R growth.csv growth.svg

library(ggplot2)

files <- commandArgs(trailingOnly = TRUE)
measured <- read.csv(files[[1]])
measured$stage <- factor(measured$stage, levels = unique(measured$stage))
long <- rbind(
  data.frame(measured[c("stage", "images")], what = "Time of all cores (s)", value = measured$work),
  data.frame(measured[c("stage", "images")], what = "Memory (MB)", value = measured$megabytes)
)
long$what <- factor(long$what, levels = c("Time of all cores (s)", "Memory (MB)"))

# One line as steep as what is proportional to the number of images.
images <- range(measured$images)
largest <- max(measured$work[measured$images == images[[1]]])
linear <- data.frame(
  images = images, value = largest * images / images[[1]], what = factor("Time of all cores (s)", levels(long$what))
)

plot <- ggplot(long, aes(images, value)) +
  geom_line(data = linear, linetype = "dashed", colour = "grey50") +
  geom_line(aes(colour = stage)) +
  geom_point(aes(colour = stage, shape = stage)) +
  facet_wrap(vars(what), scales = "free_y") +
  scale_x_log10(labels = function(x) format(x, big.mark = ",", trim = TRUE, scientific = FALSE)) +
  scale_y_log10(labels = function(x) format(x, big.mark = ",", trim = TRUE, scientific = FALSE, drop0trailing = TRUE)) +
  scale_colour_brewer(palette = "Dark2") +
  scale_shape_manual(values = c(16, 17, 15, 18, 1, 2, 0)) +
  labs(x = "Images", y = NULL, colour = NULL, shape = NULL, caption = "Dashed: in proportion to the images") +
  theme_minimal(base_size = 12) +
  theme(legend.position = "bottom", panel.grid.minor = element_blank())
grDevices::svg(files[[2]], width = 9, height = 4.8)
print(plot)
invisible(dev.off())
