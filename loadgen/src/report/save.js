document.querySelectorAll("figure").forEach(function (figure) {
  var button = figure.querySelector("button"), svg = figure.querySelector("svg");
  button.addEventListener("click", function () {
    var style = getComputedStyle(document.documentElement), copy = svg.cloneNode(true);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    var box = svg.viewBox.baseVal, text = new XMLSerializer().serializeToString(copy)
      .replace(/var\((--[a-z0-9]+)\)/g, function (_, name) { return style.getPropertyValue(name).trim(); });
    var image = new Image();
    image.onload = function () {
      var canvas = document.createElement("canvas"), scale = 2;
      canvas.width = box.width * scale; canvas.height = box.height * scale;
      var to = canvas.getContext("2d");
      to.fillStyle = style.getPropertyValue("--card"); to.fillRect(0, 0, canvas.width, canvas.height);
      to.drawImage(image, 0, 0, canvas.width, canvas.height);
      var link = document.createElement("a");
      link.download = figure.querySelector("h2").textContent.replace(/[^a-z0-9]+/gi, "-") + ".png";
      link.href = canvas.toDataURL("image/png"); link.click();
    };
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  });
});
